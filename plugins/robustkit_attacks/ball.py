"""The eps-balls around a batch of inputs: what is inside, how to get back in, and which way is steepest."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from robustkit import ConfigError, Keys, ThreatModel

_TINY = 1e-12
_INSIDE = 1 - 2.0**-21
"""An L2 projection stops this share before eps: values are rounded to float32 afterwards, some up and some down."""


class Ball(Protocol):
    """The points that a threat model allows for each input of a batch."""

    def rows(self, index: Tensor) -> Ball:
        """Return the balls of some of the inputs."""
        ...

    def project(self, points: Tensor) -> Tensor:
        """Return the points (N, …), moved into their balls and the bounds."""
        ...

    def steepest(self, gradients: Tensor) -> Tensor:
        """Return the direction of norm 1 along which a loss with these gradients (N, …) rises fastest; 0 where 0."""
        ...

    def inside(self, keys: Keys) -> Tensor:
        """Return points (N, …) drawn uniformly from the balls, and then clipped to the bounds."""
        ...

    def surface(self, keys: Keys) -> Tensor:
        """Return points (N, …) drawn from the surfaces of the balls, and then clipped to the bounds."""
        ...


def ball_around(inputs: Tensor, threat_model: ThreatModel) -> Ball:
    """Return the ball of a threat model's norm around each input.

    Args:
        inputs: (N, …) float within the threat model's bounds.
        threat_model: Linf or L2.

    Raises:
        ConfigError: the threat model has another norm.
    """
    if threat_model.norm == "linf":
        return LinfBall(inputs, threat_model.eps, *linf_limits(inputs, threat_model))
    if threat_model.norm == "l2":
        return L2Ball(inputs, threat_model)
    raise ConfigError(f"norm: expected linf or l2, got {threat_model.norm}", "use an attack that lists this norm")


class LinfBall:
    """A cube of side 2 eps, cut by the bounds."""

    def __init__(self, inputs: Tensor, eps: float, lowest: Tensor, highest: Tensor) -> None:
        self._inputs, self._eps = inputs, eps
        self._lowest, self._highest = lowest, highest

    def rows(self, index: Tensor) -> LinfBall:
        """See `Ball`."""
        return LinfBall(self._inputs[index], self._eps, self._lowest[index], self._highest[index])

    def project(self, points: Tensor) -> Tensor:
        """See `Ball`."""
        return torch.clamp(points, self._lowest, self._highest)

    def steepest(self, gradients: Tensor) -> Tensor:
        """See `Ball`."""
        return gradients.sign()

    def inside(self, keys: Keys) -> Tensor:
        """See `Ball`."""
        return self._moved(2 * keys.uniform(*self._inputs.shape[1:]) - 1)

    def surface(self, keys: Keys) -> Tensor:
        """See `Ball`; the largest coordinate is at eps, as in the reference implementation of APGD."""
        offsets = 2 * keys.uniform(*self._inputs.shape[1:]) - 1
        return self._moved(offsets / _per_sample(offsets.flatten(1).abs().amax(dim=1), offsets))

    def _moved(self, offsets: Tensor) -> Tensor:
        return self.project((self._inputs + (self._eps * offsets).to(self._inputs.device)).to(self._inputs.dtype))


class L2Ball:
    """A ball of radius eps, cut by the bounds."""

    def __init__(self, inputs: Tensor, threat_model: ThreatModel) -> None:
        self._inputs, self._threat_model = inputs, threat_model

    def rows(self, index: Tensor) -> L2Ball:
        """See `Ball`."""
        return L2Ball(self._inputs[index], self._threat_model)

    def project(self, points: Tensor) -> Tensor:
        """See `Ball`. To be clipped to the bounds, which hold the inputs, cannot lengthen a change."""
        change = points - self._inputs
        # Scaled only where needed: a point that is inside stays as it is, to the last bit.
        scale = (self._threat_model.eps * _INSIDE / _length(change).clamp(min=_TINY)).clamp(max=1.0)
        change *= _per_sample(scale, change)
        moved = (self._inputs + change).clamp(self._threat_model.low, self._threat_model.high)
        if bool((_length(moved - self._inputs) > self._threat_model.eps).any()):
            moved = _round_towards(self._inputs, moved, change)
        return moved

    def steepest(self, gradients: Tensor) -> Tensor:
        """See `Ball`."""
        # Scaled by the largest entry first: squares of small gradients vanish.
        largest = gradients.flatten(1).abs().amax(dim=1)
        scaled = gradients / _per_sample(torch.where(largest == 0, 1.0, largest), gradients)
        length = scaled.flatten(1).norm(dim=1)
        return scaled / _per_sample(torch.where(length == 0, 1.0, length), gradients)

    def inside(self, keys: Keys) -> Tensor:
        """See `Ball`."""
        size = self._inputs[0].numel() if len(self._inputs) else 1
        radii = keys.child("radius").uniform() ** (1 / size)
        return self._at(radii, keys)

    def surface(self, keys: Keys) -> Tensor:
        """See `Ball`."""
        return self._at(torch.ones(len(keys), dtype=torch.float64, device=keys.device), keys)

    def _at(self, radii: Tensor, keys: Keys) -> Tensor:
        directions = keys.normal(*self._inputs.shape[1:])
        lengths = directions.flatten(1).norm(dim=1).clamp(min=_TINY)
        offsets = directions * _per_sample(self._threat_model.eps * radii / lengths, directions)
        return self.project((self._inputs + offsets.to(self._inputs.device)).to(self._inputs.dtype))


def linf_limits(inputs: Tensor, threat_model: ThreatModel) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest value that each value of an input may take under an Linf threat model.

    Both are rounded inwards to the dtype of `inputs`, so that whatever lies between them is inside eps and inside the
    bounds exactly, and the inputs themselves always do.

    Args:
        inputs: (N, …) float within the threat model's bounds.
        threat_model: an Linf one.

    Returns:
        Two tensors like `inputs`.
    """
    exact = inputs.to(torch.float64)
    lowest = (exact - threat_model.eps).clamp(min=threat_model.low)
    highest = (exact + threat_model.eps).clamp(max=threat_model.high)
    return -_round_down(-lowest, inputs.dtype), _round_down(highest, inputs.dtype)


def _round_down(values: Tensor, dtype: torch.dtype) -> Tensor:
    nearest = values.to(dtype)
    below = torch.nextafter(nearest, torch.full_like(nearest, -torch.inf))
    return torch.where(nearest.to(torch.float64) > values, below, nearest)


def _round_towards(inputs: Tensor, moved: Tensor, change: Tensor) -> Tensor:
    """Return `moved`, the rounded sum of inputs and change, with no value farther from the inputs than its change.

    Rounding to the nearest adds up where many values are rounded the same way, as in a white background, or where eps
    is not much larger than the last place of the values.
    """
    return torch.where((moved - inputs).abs() > change.abs(), torch.nextafter(moved, inputs), moved)


def _length(change: Tensor) -> Tensor:
    # Not `Tensor.norm`, which adds up in one go: for large images it is wrong by more than `_INSIDE` leaves.
    return change.flatten(1).square().sum(dim=1).sqrt()


def _per_sample(values: Tensor, like: Tensor) -> Tensor:
    """Return (N,) values so that they multiply (N, …) tensors."""
    return values.view(-1, *[1] * (like.ndim - 1))
