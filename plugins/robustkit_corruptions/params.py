"""What every corruption can be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, TypeVar, cast

from annotated_types import Ge, Le

from robustkit import ConfigError, params

Published = Literal["cifar", "tiny-imagenet", "imagenet", "inception", "imagecorruptions"]
Profile = Literal["auto", "cifar", "tiny-imagenet", "imagenet", "inception", "imagecorruptions"]
Mode = Literal["reference", "fixed"]

SMALLEST = 8
"""The shortest side, in pixels, for which the corruptions are defined: below, kernels are wider than the image."""


@params
class CorruptionParams:
    """The parameters of a corruption."""

    profile: Profile = "auto"
    """Published set whose constants and program are followed: cifar (32 pixels), tiny-imagenet (64), imagenet (224),
    inception (299), imagecorruptions (that package's, for every size). auto takes one by image size."""

    mode: Mode = "reference"
    """reference: as the published program computes it, with its known defects and its truncation to whole levels.
    fixed: without the defects, and rounded to the nearest level. docs/corruptions.md says what the defects are."""

    storage_jpeg: Annotated[int, Ge(0), Le(100)] = 0
    """Quality of the JPEG file in which the corrupted image is stored and read again; 0 for none. The files of
    ImageNet-C and Tiny-ImageNet-C are JPEG of quality 85, so numbers on them are numbers with storage_jpeg=85."""


Chosen = TypeVar("Chosen", bound=CorruptionParams)


def resolve_profile(chosen: Chosen, shape: tuple[int, int, int]) -> Chosen:
    """Return the parameters with `auto` replaced by the profile whose images are nearest in size.

    The shorter side decides: at most 48 is cifar, 128 tiny-imagenet, 256 imagenet, else inception. The limits are
    robustkit's choice; the published constants are for sides of 32, 64, 224 and 299.

    Args:
        chosen: what the user asked for.
        shape: (C, H, W) of the images.

    Raises:
        ConfigError: the images are too small.

    >>> resolve_profile(CorruptionParams(), (3, 32, 32)).profile
    'cifar'
    >>> resolve_profile(CorruptionParams(profile="imagenet"), (3, 32, 32)).profile
    'imagenet'
    """
    side = min(shape[1:])
    if side < SMALLEST:
        raise ConfigError(
            f"images of {shape[1]}x{shape[2]} pixels: corruptions are defined for sides of {SMALLEST} and more",
            "give larger images, or leave the corruptions out",
        )
    if chosen.profile != "auto":
        return chosen
    found: Profile = "inception"
    if side <= 48:
        found = "cifar"
    elif side <= 128:
        found = "tiny-imagenet"
    elif side <= 256:
        found = "imagenet"
    return replace(chosen, profile=found)


def published(chosen: CorruptionParams, shape: tuple[int, int, int]) -> Published:
    """Return the published set that `chosen` means for images of this shape."""
    return cast("Published", resolve_profile(chosen, shape).profile)
