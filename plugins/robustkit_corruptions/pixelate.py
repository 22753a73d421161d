"""pixelate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from robustkit_corruptions.constants import Constants, Row, levels
from robustkit_corruptions.corruption import Corruption

_BITS = 22
"""Pillow's weights are whole multiples of 2**-22."""


class Pixelate(Corruption):
    """Shrinks the image by averaging boxes, and enlarges it again.

    imagecorruptions enlarges by the nearest pixel, the other sets by boxes, which is the same but for the choice
    between two pixels that are equally near: there is none at sides of 32, 64 and 224.

    The shrunk sides are truncated to whole pixels, so that every severity above 0 loses a row and a column at least,
    and a size that divides the image's evenly can change it less than a larger one.
    """

    constants = Constants(
        names=("factor",),
        identity=(1.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.95, 0.9, 0.85, 0.75, 0.65),
            "tiny-imagenet": levels(0.9, 0.8, 0.7, 0.6, 0.5),
            "imagenet": levels(0.6, 0.5, 0.4, 0.3, 0.25),
            "inception": levels(0.5, 0.4, 0.3, 0.25, 0.2),
        },
    )
    dtype = torch.uint8
    scale = 255

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the coarser levels; any number of channels."""
        (factor,) = constants
        height, width = values.shape[2:]
        small = box_resize(values, (int(height * factor), int(width * factor)))
        if self.profile(values.shape[1:]) != "imagecorruptions":
            return box_resize(small, (height, width))
        wide = _take(small, 3, nearest(small.shape[3], width, values.device))
        return _take(wide, 2, nearest(small.shape[2], height, values.device))


@dataclass(frozen=True, eq=False)
class Boxes:
    """Which pixels are averaged along one direction.

    Attributes:
        places: (K, S) int64, one pixel a tap; the same again where there are fewer.
        weights: (K, S) int32, in units of 2**-22; 0 for those.
    """

    places: Tensor
    weights: Tensor


def box_resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, C, *size) uint8, resized by boxes as Pillow does: first along the width, in whole numbers.

    Args:
        images: (N, C, H, W) uint8.
        size: new height and width.
    """
    for dim, side in ((3, size[1]), (2, size[0])):
        if images.shape[dim] != side:
            images = _resize_along(images, dim, boxes(images.shape[dim], side, images.device))
    return images


def _resize_along(images: Tensor, dim: int, found: Boxes) -> Tensor:
    total = torch.full((1,), 1 << (_BITS - 1), dtype=torch.int32, device=images.device)
    for places, weights in zip(found.places, found.weights, strict=True):
        across = weights if dim == images.ndim - 1 else weights[:, None]
        total = _take(images, dim, places).to(torch.int32).mul_(across).add_(total)
    return (total >> _BITS).to(torch.uint8)


def _take(images: Tensor, dim: int, places: Tensor) -> Tensor:
    """Return rows (dim 2) or columns (dim 3) of images; for columns, `gather` is twice as fast as `index_select`."""
    if dim == images.ndim - 1:
        return images.gather(dim, places.expand(*images.shape[:-1], len(places)))
    return images.index_select(dim, places)


@lru_cache(maxsize=64)
def boxes(before: int, after: int, device: torch.device) -> Boxes:
    """Return the boxes by which `before` pixels become `after`.

    A box averages all pixels whose centres lie in it, equally; an enlarging one has the width of a pixel.
    """
    scale = before / after
    support = 0.5 * max(scale, 1.0)
    groups = []
    for place in range(after):
        centre = (place + 0.5) * scale
        near = range(max(0, int(centre - support + 0.5)), min(before, int(centre + support + 0.5)))
        inside = [pixel for pixel in near if -0.5 < (pixel - centre + 0.5) / max(scale, 1.0) <= 0.5]
        groups.append(inside)
    taps = max(map(len, groups))
    places = [group + [group[-1]] * (taps - len(group)) for group in groups]
    weights = [[int(0.5 + (1 << _BITS) / len(g))] * len(g) + [0] * (taps - len(g)) for g in groups]
    return Boxes(
        places=torch.tensor(places, device=device).T.contiguous(),
        weights=torch.tensor(weights, dtype=torch.int32, device=device).T.contiguous(),
    )


@lru_cache(maxsize=64)
def nearest(before: int, after: int, device: torch.device) -> Tensor:
    """Return (after,) int64, the pixels that Pillow takes to enlarge by the nearest."""
    # It adds the step up, pixel by pixel; a product rounds differently where a place falls between two pixels.
    step = before / after
    place, found = 0.5 * step, []
    for _ in range(after):
        found.append(int(place))
        place += step
    return torch.tensor(found, device=device)
