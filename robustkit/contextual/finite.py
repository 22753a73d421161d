"""Utility and sensitivity under real noise: what happens to loss and representation when one feature is perturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from robustkit.contextual.bases import FeatureBasis
from robustkit.contextual.estimated import mean_of, root_mean_of
from robustkit.engine.seeds import Keys
from robustkit.errors import ConfigError

Respond = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps n points, and for each the row of its sample, to (n,) losses and (n, m) representations."""

Losses = Callable[[Tensor, Tensor], Tensor]
"""The same to (n,) losses alone."""

_RESOLVED = 800  # roundings in a standard deviation: noise is then right to about three digits


@dataclass(frozen=True, kw_only=True)
class FiniteEffects:
    """What noise on one feature at a time does, estimated from draws. Each is (N, G) float64.

    Attributes:
        utility_mean: mean change of the loss; positive where noise on the feature harms.
        utility_abs: mean absolute change of the loss.
        utility_rms: root of the mean squared change of the loss.
        sensitivity: root of the mean squared change (L2) of the representation.
        errors: the standard error of each of them over the draws, by the same names; for the roots by the delta method.
        halves: each of them from the first and from the second half of the draws, by the same names.
    """

    utility_mean: Tensor
    utility_abs: Tensor
    utility_rms: Tensor
    sensitivity: Tensor
    errors: dict[str, Tensor]
    halves: dict[str, tuple[Tensor, Tensor]]


def finite_effects(
    respond: Respond, inputs: Tensor, basis: FeatureBasis, keys: Keys, *, draws: int, std: float, batch_size: int = 512
) -> FiniteEffects:
    """Return what noise N(0, std^2) on each feature alone does to loss and representation.

    The same noise serves utility and sensitivity, and any model that is asked with the same keys. It is not clipped.
    As `std` goes to 0, `utility_rms / std` goes to `gradient_utility`, `sensitivity / std` to `gradient_sensitivity`.
    Costs N * G * draws forward passes without gradients.

    Args:
        respond: called as `respond(points, rows)`; it sees the loss of sample `rows[i]` for `points[i]`.
        inputs: (N, ...) float.
        basis: G features.
        keys: one key a sample.
        draws: how often each feature is perturbed; at least 2, for the standard errors.
        std: standard deviation of the noise; at least 800 roundings of the inputs' dtype, 9.5e-5 for float32: what is
            added to inputs near 1 would else be another noise, or none.
        batch_size: the most points that are asked about at once.

    Raises:
        ConfigError: fewer than 2 draws, or a standard deviation that inputs of this dtype do not resolve.
    """
    least = _RESOLVED * torch.finfo(inputs.dtype).eps
    if draws < 2 or not least <= std < inf:
        raise ConfigError(
            f"expected draws >= 2 and std >= {least:.2g} for {inputs.dtype} inputs, got draws={draws}, std={std}",
            "for example 16 and 0.1",
        )
    size = (draws, len(inputs), basis.size)
    losses, changes = (torch.zeros(size, dtype=torch.float64, device=inputs.device) for _ in range(2))
    with torch.no_grad():
        base = [respond(part, rows) for part, rows in _parts(inputs, batch_size)]
        base_loss, base_representation = (torch.cat(parts).double() for parts in zip(*base, strict=True))
        for draw in range(draws):
            noise = (std * keys.child(f"draw {draw}").normal(*inputs.shape[1:])).to(inputs)
            for points, rows, features in one_feature_changed(inputs, basis, noise, batch_size):
                loss, representation = respond(points, rows)
                losses[draw, rows, features] = loss.double() - base_loss[rows]
                changes[draw, rows, features] = (representation.double() - base_representation[rows]).square().sum(1)
    return _summarise(losses, changes)


def ablation_utility(
    losses: Losses, inputs: Tensor, basis: FeatureBasis, baseline: Tensor, batch_size: int = 512
) -> Tensor:
    """Return (N, G): how much the loss rises when each feature alone is replaced by that of a baseline; signed.

    It is what occlusion and feature ablation attribute, with the opposite sign. It does not vanish where the loss is
    saturated. Costs N * (G + 1) forward passes without gradients.

    Args:
        losses: called as `losses(points, rows)`; it sees the loss of sample `rows[i]` for `points[i]`.
        inputs: (N, ...) float.
        basis: G features.
        baseline: like `inputs`, from `make_baseline` or one's own.
        batch_size: the most points that are asked about at once.
    """
    found = torch.zeros(len(inputs), basis.size, dtype=torch.float64, device=inputs.device)
    with torch.no_grad():
        base = torch.cat([losses(part, rows) for part, rows in _parts(inputs, batch_size)]).double()
        for points, rows, features in one_feature_changed(inputs, basis, baseline - inputs, batch_size):
            found[rows, features] = losses(points, rows).double() - base[rows]
    return found


def one_feature_changed(
    inputs: Tensor, basis: FeatureBasis, change: Tensor, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield points x + P_g c, the row of the sample that each is made of, and its feature g; `batch_size` at a time.

    Args:
        inputs: (N, ...), x.
        basis: G features.
        change: like `inputs`, c.
        batch_size: at least 1.
    """
    n, together = len(inputs), max(1, batch_size // len(inputs))
    for start in range(0, basis.size, together):
        chosen = torch.arange(start, min(start + together, basis.size), device=inputs.device)
        points = torch.cat([inputs + basis.project(change, int(feature)) for feature in chosen])
        rows = torch.arange(n, device=inputs.device).repeat(len(chosen))
        split = (torch.split(each, batch_size) for each in (points, rows, chosen.repeat_interleave(n)))
        yield from zip(*split, strict=True)


def _summarise(losses: Tensor, changes: Tensor) -> FiniteEffects:
    """Return the moments over the first dimension, that of the draws."""
    found = {
        "utility_mean": mean_of(losses),
        "utility_abs": mean_of(losses.abs()),
        "utility_rms": root_mean_of(losses.square()),
        "sensitivity": root_mean_of(changes),
    }
    values = {name: each.value for name, each in found.items()}
    errors = {name: each.error for name, each in found.items()}
    return FiniteEffects(**values, errors=errors, halves={name: each.halves for name, each in found.items()})


def _parts(inputs: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    rows = torch.arange(len(inputs), device=inputs.device)
    yield from zip(torch.split(inputs, batch_size), torch.split(rows, batch_size), strict=True)
