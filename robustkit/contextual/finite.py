"""Utility and sensitivity under real noise: what happens to loss and representation when one feature is perturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit.contextual.bases import FeatureBasis
from robustkit.engine.seeds import Keys
from robustkit.errors import ConfigError

Respond = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps n points, and for each the row of its sample, to (n,) losses and (n, m) representations."""


@dataclass(frozen=True, kw_only=True)
class FiniteEffects:
    """What noise on one feature at a time does, estimated from draws. Each is (N, G) float64.

    Attributes:
        utility_mean: mean change of the loss; positive where noise on the feature harms.
        utility_abs: mean absolute change of the loss.
        utility_rms: root of the mean squared change of the loss.
        sensitivity: root of the mean squared change (L2) of the representation.
        errors: the standard error of each of them over the draws, by the same names; for the roots by the delta method.
    """

    utility_mean: Tensor
    utility_abs: Tensor
    utility_rms: Tensor
    sensitivity: Tensor
    errors: dict[str, Tensor]


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
        std: standard deviation of the noise, above 0.
        batch_size: the most points that are made and asked about at once.

    Raises:
        ConfigError: fewer than 2 draws, or a standard deviation that is not above 0.
    """
    if draws < 2 or not std > 0:
        raise ConfigError(f"expected draws >= 2 and std > 0, got draws={draws}, std={std}", "for example 16 and 0.1")
    size = (len(inputs), basis.size)
    losses, changes = (torch.zeros(draws, *size, dtype=torch.float64, device=inputs.device) for _ in range(2))
    with torch.no_grad():
        base = [respond(part, rows) for part, rows in _parts(inputs, batch_size)]
        base_loss, base_representation = (torch.cat(parts).double() for parts in zip(*base, strict=True))
        for draw in range(draws):
            noise = (std * keys.child(f"draw {draw}").normal(*inputs.shape[1:])).to(inputs)
            for rows, features in _blocks(size, batch_size, inputs.device):
                points = inputs[rows] + noise[rows] * (_index(basis, inputs) == _column(features, inputs))
                loss, representation = respond(points, rows)
                losses[draw, rows, features] = loss.double() - base_loss[rows]
                changes[draw, rows, features] = (representation.double() - base_representation[rows]).square().sum(1)
    return _summarise(losses, changes)


def _summarise(losses: Tensor, changes: Tensor) -> FiniteEffects:
    """Return the moments over the first dimension, that of the draws."""
    found = {
        "utility_mean": _mean(losses),
        "utility_abs": _mean(losses.abs()),
        "utility_rms": _root(losses.square()),
        "sensitivity": _root(changes),
    }
    values = {name: value for name, (value, _) in found.items()}
    return FiniteEffects(**values, errors={name: error for name, (_, error) in found.items()})


def _mean(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(dim=0), values.std(dim=0) / len(values) ** 0.5


def _root(squares: Tensor) -> tuple[Tensor, Tensor]:
    mean, error = _mean(squares)
    root = mean.sqrt()
    return root, torch.where(root > 0, error / (2 * root.where(root > 0, torch.ones_like(root))), 0.0)


def _parts(inputs: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    rows = torch.arange(len(inputs), device=inputs.device)
    yield from zip(torch.split(inputs, batch_size), torch.split(rows, batch_size), strict=True)


def _blocks(size: tuple[int, int], batch_size: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows and features of all their pairs, `batch_size` at a time."""
    n, features = size
    for start in range(0, n * features, batch_size):
        flat = torch.arange(start, min(start + batch_size, n * features), device=device)
        yield flat // features, flat % features


def _index(basis: FeatureBasis, inputs: Tensor) -> Tensor:
    return basis.index.to(inputs.device)


def _column(features: Tensor, inputs: Tensor) -> Tensor:
    return features.reshape(-1, *[1] * (inputs.ndim - 1))
