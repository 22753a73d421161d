"""Bilinear enlargement as `scipy.ndimage.zoom` of order 1 does it, for zoom-blur and snow."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Trim = Literal["centre", "nowhere"]


def enlargement(side: int, factor: float) -> tuple[int, int]:
    """Return how many pixels of a side are enlarged, and to how many: all that a factor decides.

    Args:
        side: of the image, in pixels.
        factor: 1 or more. On small images several factors come to the same.

    >>> enlargement(32, 1.02), enlargement(32, 1.03)
    ((32, 33), (32, 33))
    """
    inner = math.ceil(side / factor)
    return inner, round(inner * factor)


def clipped_zoom(fields: Tensor, factor: float, *, edge: bool, trim: Trim) -> Tensor:
    """Return the middle of each field, enlarged to the size of the field, or to slightly more.

    Args:
        fields: (N, C, H, W) float64.
        factor: 1 or more.
        edge: whether the last row or column becomes 0 where scipy's rounding says that it lies outside.
        trim: where what is larger than the field is cut off: around the centre, or nowhere.

    Returns:
        float64, equal to scipy's up to its last bits.
    """
    if factor == 1:
        return fields
    sides = fields.shape[2:]
    inner, large = zip(*[enlargement(side, factor) for side in sides], strict=True)
    (top, left), (height, width) = ((side - part) // 2 for side, part in zip(sides, inner, strict=True)), inner
    middle = fields[:, :, top : top + height, left : left + width]
    if fields.is_contiguous(memory_format=torch.channels_last):
        # Row by row; `interpolate` would copy pixel by pixel.
        middle = middle.movedim(1, -1).contiguous().movedim(-1, 1)
    enlarged = functional.interpolate(middle, size=large, mode="bilinear", align_corners=True)
    for dim, (before, after) in enumerate(zip(inner, large, strict=True), start=2):
        # Rounding can put the last place beyond the last pixel, where scipy sees nothing.
        if edge and (before - 1) / (after - 1) * (after - 1) > before - 1:
            enlarged.select(dim, after - 1).zero_()
    if trim == "nowhere":
        return enlarged
    top, left = ((after - side) // 2 for after, side in zip(large, sides, strict=True))
    return enlarged[:, :, top : top + sides[0], left : left + sides[1]]
