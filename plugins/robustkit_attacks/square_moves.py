"""What the Square attack tries: a window of each point, changed in place, and undone where that does not help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from robustkit import Keys, ThreatModel
from robustkit_attacks.ball import ball_around, linf_limits
from robustkit_attacks.square_windows import (
    Plane,
    bump_sides,
    bumps,
    offsets,
    places,
    plane_of,
    signs,
    square_sides,
    tiles,
)

_TINY = 1e-12


class Moves(Protocol):
    """The points of the samples that stand, and what is tried on them.

    Attributes:
        points: (n, channels, pixels), one row a sample that stands.
    """

    points: Tensor

    def draw(self, keys: Keys, shares: Sequence[float]) -> None:
        """Draw the numbers of the next changes.

        Args:
            keys: one random key a sample that stands.
            shares: of the pixels, that each change is to cover.
        """
        ...

    def propose(self, number: int) -> None:
        """Change each point in a window; `number` counts the changes drawn last, from 0."""
        ...

    def settle(self, accepted: Tensor) -> None:
        """Undo the last change, but for the points where (n,) `accepted` is true."""
        ...

    def drop(self, gone: Tensor) -> None:
        """Forget the samples where (n,) `gone` is true; the last ones move up into the gaps."""
        ...


def moves_in(inputs: Tensor, threat_model: ThreatModel, keys: Keys) -> Moves:
    """Return the moves of a threat model's norm, at their random starts.

    Args:
        inputs: (n, …) float within the threat model's bounds.
        threat_model: Linf or L2.
        keys: one random key a sample.
    """
    inputs = inputs.clone(memory_format=torch.contiguous_format)
    if threat_model.norm == "linf":
        return LinfMoves(inputs, threat_model, keys)
    return L2Moves(inputs, threat_model, keys)


class LinfMoves:
    """Points at corners of the ball: each channel of a window goes to one end of what it may be.

    Andriushchenko et al. (2020), algorithm 2, from vertical stripes.
    """

    _rowwise: ClassVar[tuple[str, ...]] = ("points", "_lowest", "_highest", "_places", "_signs")

    def __init__(self, inputs: Tensor, threat_model: ThreatModel, keys: Keys) -> None:
        self._plane = plane = plane_of(inputs.shape[1:])
        self._windows = _Windows(plane, inputs.device)
        limits = linf_limits(inputs, threat_model)
        self._lowest, self._highest = (limit.view(-1, plane.channels, plane.size) for limit in limits)
        stripes = signs(keys, plane.channels, 1, plane.width).to(inputs.device)
        up = stripes.expand(-1, -1, plane.height, -1).flatten(2)
        self.points = torch.where(up, self._highest, self._lowest)
        self._places = self._signs = torch.empty(len(inputs), 0, device=inputs.device)

    def draw(self, keys: Keys, shares: Sequence[float]) -> None:
        """See `Moves`."""
        self._sides = [square_sides(share, self._plane) for share in shares]
        self._places = places(keys, self._sides, self._plane).to(self.points.device)
        self._signs = signs(keys.child("signs"), len(shares), self._plane.channels, 1).to(self.points.device)

    def propose(self, number: int) -> None:
        """See `Moves`. Points are at ends already, so a step of 2 eps, projected, is one to an end."""
        self._index = index = self._windows.at(self._places[:, number], self._sides[number])
        self._before = self.points.gather(2, index)
        ends = self._highest.gather(2, index), self._lowest.gather(2, index)
        self._after = torch.where(self._signs[:, number], *ends)
        self.points.scatter_(2, index, self._after)

    def settle(self, accepted: Tensor) -> None:
        """See `Moves`."""
        self.points.scatter_(2, self._index, torch.where(accepted[:, None, None], self._after, self._before))

    def drop(self, gone: Tensor) -> None:
        """See `Moves`."""
        for name in self._rowwise:
            setattr(self, name, without(gone, getattr(self, name)))


class L2Moves:
    """Points near the surface of the ball: a window takes the change of another one, and gets a bump's shape.

    Andriushchenko et al. (2020), algorithm 3. What is left of eps, because points were clipped to the bounds, goes into
    the window too. Norms are followed window by window, in float64.
    """

    _rowwise: ClassVar[tuple[str, ...]] = ("points", "_inputs", "_spent", "_places", "_signs", "_turned")

    def __init__(self, inputs: Tensor, threat_model: ThreatModel, keys: Keys) -> None:
        self._plane = plane = plane_of(inputs.shape[1:])
        self._windows = _Windows(plane, inputs.device)
        self._threat_model = threat_model
        start = ball_around(inputs, threat_model).project(inputs + threat_model.eps * self._tiled(inputs, keys))
        self._inputs, self.points = (each.reshape(-1, plane.channels, plane.size) for each in (inputs, start))
        self._spent = (self.points.double() - self._inputs).square().sum(dim=(1, 2))
        self._places = self._signs = self._turned = torch.empty(len(inputs), 0, device=inputs.device)

    def draw(self, keys: Keys, shares: Sequence[float]) -> None:
        """See `Moves`."""
        device, plane = self.points.device, self._plane
        self._sides = [bump_sides(share, plane) for share in shares]
        self._places = places(keys, self._sides, plane, count=2).to(device)
        self._signs = 2.0 * signs(keys.child("signs"), len(shares), plane.channels, 1).to(device) - 1.0
        self._turned = signs(keys.child("turned"), len(shares)).long().to(device)

    def propose(self, number: int) -> None:
        """See `Moves`. Of each pair of windows the first one is filled, and the second emptied before."""
        self._index = index = self._windows.at(self._places[:, number], self._sides[number])
        self._before, centre = self.points.gather(2, index), self._inputs.gather(2, index)
        change = self._before.double() - centre
        (filled, emptied), (centre, self._emptied_after) = index.chunk(2, dim=2), centre.chunk(2, dim=2)
        self.points.scatter_(2, emptied, self._emptied_after)
        # Where the windows overlap, the change is counted, and now gone, with the second one.
        alone = self.points.gather(2, filled).double() - centre
        old, freed = change.chunk(2, dim=2)
        freed = _energy(freed) + _energy(alone)
        budget = (self._threat_model.eps**2 - self._spent)[:, None, None] / self._plane.channels + freed
        shape = self._shape(number, old)
        shape *= (budget.clamp_(min=0) / _energy(shape).clamp_(min=_TINY)).sqrt_()
        low, high = self._threat_model.low, self._threat_model.high
        self._after = (centre + shape).clamp_(low, high).to(self.points.dtype)
        self.points.scatter_(2, filled, self._after)
        self._spent_after = self._spent + (_energy(self._after.double() - centre) - freed).sum(dim=(1, 2))

    def settle(self, accepted: Tensor) -> None:
        """See `Moves`."""
        wide = accepted[:, None, None]
        (filled, emptied), (before, emptied_before) = (each.chunk(2, dim=2) for each in (self._index, self._before))
        self.points.scatter_(2, emptied, torch.where(wide, self._emptied_after, emptied_before))
        self.points.scatter_(2, filled, torch.where(wide, self._after, before))
        self._spent = torch.where(accepted, self._spent_after, self._spent)

    def drop(self, gone: Tensor) -> None:
        """See `Moves`."""
        for name in self._rowwise:
            setattr(self, name, without(gone, getattr(self, name)))

    def _shape(self, number: int, change: Tensor) -> Tensor:
        """Return a window's old change of norm 1, plus a bump."""
        bump = self._windows.bumps(self._sides[number])[self._turned[:, number]]
        return change / _energy(change).sqrt_().clamp_(min=_TINY) + self._signs[:, number] * bump[:, None]

    def _tiled(self, inputs: Tensor, keys: Keys) -> Tensor:
        """Return changes of norm 1 like the inputs: tiles with bumps, each with a sign and a direction of its own."""
        both, tile = (each.to(keys.device) for each in tiles(self._plane))
        count = int(tile.max()) + 1
        up = signs(keys, self._plane.channels, count)[:, :, tile]
        turned = signs(keys.child("turned"), 1, count)[:, :, tile]
        change = torch.where(turned, both[1], both[0]) * (2.0 * up - 1.0)
        change /= change.flatten(1).norm(dim=1)[:, None, None]
        return change.view(inputs.shape).to(inputs)


class _Windows:
    """Where the pixels of windows are, and their bumps; what is the same for all samples is kept."""

    def __init__(self, plane: Plane, device: torch.device) -> None:
        self._plane, self._device = plane, device
        self._offsets: dict[tuple[int, int], Tensor] = {}
        self._bumps: dict[tuple[int, int], Tensor] = {}

    def at(self, first: Tensor, sides: tuple[int, int]) -> Tensor:
        """Return (n, channels, pixels) int64 for `gather`, the pixels of windows with these (n, count) first ones."""
        if sides not in self._offsets:
            self._offsets[sides] = offsets(*sides, self._plane, self._device)
        pixels = (first[..., None] + self._offsets[sides]).flatten(1)
        return pixels[:, None].expand(-1, self._plane.channels, -1)

    def bumps(self, sides: tuple[int, int]) -> Tensor:
        """Return what `square_windows.bumps` does."""
        if sides not in self._bumps:
            self._bumps[sides] = bumps(*sides).to(self._device)
        return self._bumps[sides]


def _energy(change: Tensor) -> Tensor:
    return change.square().sum(dim=-1, keepdim=True)


def without(gone: Tensor, rows: Tensor) -> Tensor:
    """Return the rows of a tensor that stay, in its own memory: the last ones move up into the gaps.

    >>> without(torch.tensor([True, False, False]), torch.tensor([1, 2, 3])).tolist()
    [3, 2]

    Args:
        gone: (n,) bool.
        rows: (n, …).
    """
    left = len(gone) - int(gone.sum())
    gaps, movers = gone[:left].nonzero().flatten(), left + (~gone[left:]).nonzero().flatten()
    rows[gaps] = rows[movers]
    return rows[:left]
