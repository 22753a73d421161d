"""The windows that the Square attack changes: how large they are, where they lie, and the bumps that fill them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit import Keys

_SCHEDULE = 10_000
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
_TILES = 5
_SMALLEST_BUMP = 3


def share_at(query: int, queries: int, p_init: float) -> float:
    """Return the share of the pixels that a change covers, which is halved again and again.

    Of 10,000 queries it is halved after 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000, as in the reference
    implementation. With fewer, the paper reaches each halving after the same share of the queries, and AutoAttack after
    as many queries. Here time is stretched by the square root of the paper's factor, robustkit's choice: from 100 to
    5,000 queries it breaks as many samples of the bundled models as the better of the two, or more.

    Args:
        query: from 0, not counting the start.
        queries: how many there will be.
        p_init: the share at first.

    >>> [share_at(query, 10_000, 0.8) for query in (0, 10, 11, 51)]
    [0.8, 0.8, 0.4, 0.2]
    >>> [share_at(query, 2500, 0.8) for query in (5, 6, 25, 26)]
    [0.8, 0.4, 0.4, 0.2]
    """
    stretched = query * math.sqrt(_SCHEDULE / queries)
    return p_init / 2.0 ** sum(stretched > halving for halving in _HALVINGS)


@dataclass(frozen=True)
class Plane:
    """How inputs are read as channels of rows and columns.

    Attributes:
        channels: each has signs of its own.
        height: rows.
        width: columns.
    """

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """The number of pixels of a channel."""
        return self.height * self.width


def plane_of(shape: Sequence[int]) -> Plane:
    """Return how an input of this shape is read.

    The last axis holds columns. Of three axes or more the first holds channels; what lies between is one axis of rows.
    A matrix is an image of one channel, a vector a single row: its windows are segments.

    >>> plane_of((3, 32, 24))
    Plane(channels=3, height=32, width=24)
    >>> plane_of((2, 4, 8, 8))
    Plane(channels=2, height=32, width=8)
    >>> plane_of((7,))
    Plane(channels=1, height=1, width=7)
    """
    channels = shape[0] if len(shape) > 2 else 1
    width = shape[-1] if shape else 1
    return Plane(channels, math.prod(shape) // max(1, channels * width), width)


def square_sides(share: float, plane: Plane) -> tuple[int, int]:
    """Return height and width of the square that covers a share of the pixels.

    Where a square is too high or too wide for the plane, the window covers the short side and as much of the long one
    as makes up the share (robustkit's choice: the reference implementation shrinks the square).

    >>> square_sides(0.25, Plane(1, 28, 28)), square_sides(0.5, Plane(1, 4, 64)), square_sides(0.5, Plane(1, 1, 10))
    ((14, 14), (4, 32), (1, 5))
    """
    side = max(1, round(math.sqrt(share * plane.size)))
    short = min(plane.height, plane.width)
    if side <= short:
        return side, side
    long = max(1, round(share * plane.size / short))
    return min(long, plane.height), min(long, plane.width)


def bump_sides(share: float, plane: Plane) -> tuple[int, int]:
    """Return height and width of the window of an L2 change: odd and at least 3, where there is room.

    >>> bump_sides(0.25, Plane(1, 28, 28)), bump_sides(0.001, Plane(1, 28, 28)), bump_sides(1.0, Plane(1, 2, 2))
    ((15, 15), (3, 3), (2, 2))
    """
    height, width = (max(_SMALLEST_BUMP, side + 1 - side % 2) for side in square_sides(share, plane))
    return min(height, plane.height), min(width, plane.width)


def offsets(height: int, width: int, plane: Plane, device: torch.device) -> Tensor:
    """Return (height * width,) int64, how far the pixels of a window lie behind its first one, row after row."""
    rows = torch.arange(height, device=device)[:, None] * plane.width
    return (rows + torch.arange(width, device=device)).flatten()


def places(keys: Keys, sides: Sequence[tuple[int, int]], plane: Plane, count: int = 1) -> Tensor:
    """Return (N, len(sides), count) int64, the first pixels of windows that lie anywhere in the plane, equally likely.

    Args:
        keys: one random key a sample.
        sides: height and width of each window.
        plane: that they lie in.
        count: how many windows of each size.
    """
    room = torch.tensor([plane.height, plane.width]) + 1 - torch.tensor(sides)
    corners = (keys.uniform(len(sides), count, 2, bits=32) * room[:, None].to(keys.device)).to(torch.int64)
    return corners[..., 0] * plane.width + corners[..., 1]


def signs(keys: Keys, *shape: int) -> Tensor:
    """Return (N, *shape) bool, true with chance 1/2."""
    n = math.prod(shape)
    return (keys.words(-(-n // 8)).view(torch.int8)[:, :n] < 0).view(len(keys), *shape)


def bumps(height: int, width: int) -> Tensor:
    """Return (2, height * width) float64 of norm 1: an upper hill over a lower pit, and a left one beside a right one.

    Andriushchenko et al. (2020), section 3.3: hills fall off from their centres as sums of inverse squares do.
    """
    return torch.stack([_bump(height, width).flatten(), _bump(width, height).T.flatten()])


def tiles(plane: Plane) -> tuple[Tensor, Tensor]:
    """Return the start of the L2 attack: bumps side by side, about five times five of them.

    Returns:
        (2, size) float64 the bumps, in both directions, zero along the edges where no tile fits; (size,) int64 the
        tile of each pixel, from 0.
    """
    height, width = max(1, plane.height // _TILES), max(1, plane.width // _TILES)
    rows, row_tile = _along(plane.height, height)
    columns, column_tile = _along(plane.width, width)
    inside = (rows >= 0)[:, None] & (columns >= 0)
    place = (rows.clamp(min=0)[:, None] * width + columns.clamp(min=0)).flatten()
    number = row_tile[:, None] * (plane.width // width) + column_tile
    return bumps(height, width)[:, place] * inside.flatten(), number.flatten()


def _along(length: int, tile: int) -> tuple[Tensor, Tensor]:
    """Return each position's place in its tile, below 0 outside of all of them, and the number of its tile."""
    count = length // tile
    position = torch.arange(length) - (length - count * tile) // 2
    inside = (position >= 0) & (position < count * tile)
    return torch.where(inside, position % tile, -1), (position // tile).clamp(0, count - 1)


def _bump(height: int, width: int) -> Tensor:
    upper = height // 2
    halves = [sign * _hill(part, width) for sign, part in ((1, upper), (-1, height - upper)) if part]
    return torch.cat(halves) / math.sqrt(len(halves))


def _hill(height: int, width: int) -> Tensor:
    """Return (height, width) float64 of norm 1: at distance m from the centre the sum of 1 / k² for k > m."""
    reach = max(height // 2, width // 2) + 1
    terms = torch.arange(1, reach + 1, dtype=torch.float64) ** -2
    from_centre = torch.maximum(
        (torch.arange(height) - height // 2).abs()[:, None], (torch.arange(width) - width // 2).abs()
    )
    hill = terms.flip(0).cumsum(0).flip(0)[from_centre]
    return torch.div(hill, hill.norm())
