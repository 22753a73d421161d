"""The contract of a `FeatureBasis`."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit.contextual.bases import FeatureBasis
from robustkit.testing.watch import require

_ROUNDING = 1e-4


def check_basis(basis: FeatureBasis, inputs: Tensor, complete: bool = False) -> None:
    """Check that each feature is an orthogonal projection whose energy is what the basis says.

    Args:
        basis: the basis, for these inputs.
        inputs: (N, ...) float, a few; fixed noise of their shape is projected.
        complete: whether all features together must be the whole input.

    Raises:
        AssertionError: with what was found.
    """
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(inputs.shape, generator=generator).to(inputs) for _ in range(2))
    energy, rest = basis.energy(first), first.clone()
    expected = (len(inputs), basis.size)
    require(tuple(energy.shape) == expected, f"energy: expected (N, size) = {expected}, got {tuple(energy.shape)}")
    for feature in range(basis.size):
        what = f"basis '{basis.name}', feature {feature}"
        part = basis.project(first, feature)
        require(part.shape == inputs.shape, f"{what}: project returns {tuple(part.shape)} for {tuple(inputs.shape)}")
        _require_close(f"{what} is no projection: P P v is not P v", basis.project(part, feature), part)
        inner, swapped = _dot(part, second), _dot(first, basis.project(second, feature))
        _require_close(f"{what} is not orthogonal: <P v, w> is not <v, P w>", inner, swapped)
        _require_close(f"{what}: energy is not ||P v||^2", energy[:, feature], _dot(part, part))
        linear = basis.project(first + 2 * second, feature)
        _require_close(f"{what} is not linear", linear, part + 2 * basis.project(second, feature))
        rest -= part
    if complete:
        _require_close(f"basis '{basis.name}': the features do not add up to the input", rest, torch.zeros_like(rest))


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).flatten(1).sum(dim=1)


def _require_close(what: str, found: Tensor, expected: Tensor) -> None:
    gap = float((found - expected).abs().max())
    require(gap <= _ROUNDING * max(1.0, float(expected.abs().max())), f"{what} (off by {gap:.2g})")
