"""Bilinear enlargement as `scipy.ndimage.zoom` of order 1 does it, for zoom-blur and snow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Trim = Literal["centre", "nowhere"]


@dataclass(frozen=True, eq=False)
class Axis:
    """Where the values of one direction of an enlarged image come from: two neighbours each.

    Attributes:
        first: (S,) int64, positions of the first neighbours.
        second: (S,) int64, positions of the second neighbours.
        low: (S,) float64, weights of the first neighbours.
        high: (S,) float64, weights of the second neighbours.
    """

    first: Tensor
    second: Tensor
    low: Tensor
    high: Tensor


def clipped_zoom(fields: Tensor, factor: float, *, edge: bool, trim: Trim) -> Tensor:
    """Return the middle of each field, enlarged to the size of the field, or to slightly more.

    Args:
        fields: (N, C, H, W) float.
        factor: 1 or more.
        edge: whether the last row or column becomes 0 where scipy's rounding says that it lies outside.
        trim: where what is larger than the field is cut off: around the centre, or nowhere.

    Returns:
        In the fields' dtype; computed in float64.
    """
    if factor == 1:
        return fields
    height, width = fields.shape[2:]
    rows = axis(height, factor, edge, trim, fields.device)
    columns = axis(width, factor, edge, trim, fields.device)
    # Columns first, while values are narrow; scipy's order of the products differs in float64's last bits only.
    wide = _take_columns(fields, columns.first) * columns.low
    wide += _take_columns(fields, columns.second) * columns.high
    total = wide.index_select(2, rows.first).mul_(rows.low[:, None])
    total += wide.index_select(2, rows.second).mul_(rows.high[:, None])
    return total.to(fields.dtype)


def _take_columns(fields: Tensor, places: Tensor) -> Tensor:
    # Twice as fast as `index_select`, on a CPU.
    return fields.gather(3, places.expand(*fields.shape[:3], len(places)))


@lru_cache(maxsize=256)
def axis(side: int, factor: float, edge: bool, trim: Trim, device: torch.device) -> Axis:
    """Return where the values of one direction come from; the arguments are those of `clipped_zoom`."""
    inner = math.ceil(side / factor)
    before = (side - inner) // 2
    large = round(inner * factor)
    places = torch.arange(large, dtype=torch.float64, device=device) * ((inner - 1) / (large - 1))
    # Rounding can put the last place beyond the last pixel, where scipy sees nothing.
    beyond = places > inner - 1
    places = places.clamp(max=inner - 1)
    first = places.floor()
    high = places - first
    low = 1 - high
    if edge:
        low, high = torch.where(beyond, 0.0, low), torch.where(beyond, 0.0, high)
    start = (large - side) // 2 if trim == "centre" else 0
    kept = slice(start, large if trim == "nowhere" else start + side)
    first = first.to(torch.int64)[kept]
    second = (first + 1).clamp(max=inner - 1)
    return Axis(first=first + before, second=second + before, low=low[kept], high=high[kept])
