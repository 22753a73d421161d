"""What every corruption can be told, and the published sets of severity constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from robustkit import Levels, params

Profile = Literal["auto", "cifar", "tiny-imagenet", "imagenet", "inception", "imagecorruptions"]
Mode = Literal["reference", "fixed"]


@params
class CorruptionParams:
    """The parameters of a corruption."""

    profile: Profile = "auto"
    """Published set of severity constants: cifar (32 pixels), tiny-imagenet (64), imagenet (224), inception (299),
    imagecorruptions (that package's, for every size). auto takes one by image size."""

    mode: Mode = "reference"
    """How uint8 images are quantised. reference: truncated, as in the published sets. fixed: rounded to nearest."""


def resolve_profile(chosen: CorruptionParams, shape: tuple[int, int, int]) -> CorruptionParams:
    """Return the parameters with `auto` replaced by the profile whose images are nearest in size.

    The shorter side decides: at most 48 is cifar, 128 tiny-imagenet, 256 imagenet, else inception. The limits are
    robustkit's choice; the published constants are for sides of 32, 64, 224 and 299.

    Args:
        chosen: what the user asked for.
        shape: (C, H, W) of the images.

    >>> resolve_profile(CorruptionParams(), (3, 32, 32)).profile
    'cifar'
    >>> resolve_profile(CorruptionParams(profile="imagenet"), (3, 32, 32)).profile
    'imagenet'
    """
    if chosen.profile != "auto":
        return chosen
    side = min(shape[1:])
    found: Profile = "inception"
    if side <= 48:
        found = "cifar"
    elif side <= 128:
        found = "tiny-imagenet"
    elif side <= 256:
        found = "imagenet"
    return replace(chosen, profile=found)


def published_levels(table: Mapping[Profile, Levels], chosen: CorruptionParams, shape: tuple[int, int, int]) -> Levels:
    """Return the severity constants that `chosen` means for images of this shape.

    Args:
        table: constants by profile. imagecorruptions uses those of imagenet.
        chosen: the corruption's parameters.
        shape: (C, H, W) of the images.
    """
    profile = resolve_profile(chosen, shape).profile
    return table["imagenet" if profile == "imagecorruptions" else profile]
