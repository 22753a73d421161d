"""Utility and sensitivity to first order: lengths of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from robustkit.contextual.bases import FeatureBasis
from robustkit.contextual.estimated import Estimated, root_mean_of
from robustkit.engine.seeds import Keys
from robustkit.errors import ConfigError, DataError

Loss = Callable[[Tensor], Tensor]
"""Maps (N, ...) inputs to (N,) losses; the loss of a sample depends on that sample alone."""

Represent = Callable[[Tensor], Tensor]
"""Maps (N, ...) inputs to (N, m) representations; that of a sample depends on that sample alone."""


def signed_utility(loss: Loss, inputs: Tensor) -> Tensor:
    """Return the gradient of each sample's loss, like `inputs`: the change of the loss for each unit of each value.

    One forward and one backward pass. The result carries no graph; no `.grad` is written.

    Args:
        loss: (N, ...) inputs to (N,) losses.
        inputs: (N, ...) float.

    Raises:
        DataError: the losses are not (N,), or do not depend on the inputs.
    """
    with _differentiating(inputs) as points:
        losses = loss(points)
        if losses.shape != inputs.shape[:1]:
            raise DataError(
                f"expected one loss for each of {len(inputs)} samples, got shape {tuple(losses.shape)}",
                "compute the loss with reduction='none'",
            )
        return _gradient(losses.sum(), points)


def gradient_utility(loss: Loss, inputs: Tensor, basis: FeatureBasis) -> Tensor:
    """Return (N, G): the length of the loss's gradient within each feature, ||P_g dl/dx||.

    It is how much the loss can change for a change of length 1 of this feature alone, to first order; robustkit's
    definition, after Kim et al. (2021). It vanishes for samples on which the loss is saturated.

    Args:
        loss: as for `signed_utility`.
        inputs: (N, ...) float.
        basis: G features.

    Raises:
        DataError: as `signed_utility`, or the basis is for inputs of another shape.
    """
    return basis.energy(signed_utility(loss, inputs)).sqrt()


def utility_along(represent: Represent, inputs: Tensor, basis: FeatureBasis, slope: Tensor) -> Tensor:
    """Return (N, G): ||P_g J^T v||, the utility that features have for a loss with the slope v at the representation.

    With a random v it is what utility is without the loss: its agreement with sensitivity is arithmetic alone.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        basis: G features.
        slope: (N, m), v for each sample.

    Raises:
        DataError: the representations are not (N, m), or do not depend on the inputs.
    """
    with _differentiating(inputs) as points:
        outputs = check_represented(represent(points), inputs)
        return basis.energy(_gradient((outputs * slope.to(outputs)).sum(), points)).sqrt()


def gradient_sensitivity(represent: Represent, inputs: Tensor, basis: FeatureBasis) -> Tensor:
    """Return (N, G): ||J P_g||_F, the Frobenius norm of the Jacobian within each feature.

    It is how much the representation changes for changes of this feature alone, to first order; robustkit's definition,
    after Kim et al. (2021). Exact, by one backward pass for each of the m outputs.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        basis: G features.

    Raises:
        DataError: the representations are not (N, m), do not depend on the inputs, or depend on other samples.
    """
    with _differentiating(inputs) as points:
        outputs = check_represented(represent(points), inputs)
        _require_independence(outputs, points)
        total = sum(basis.energy(_gradient(column.sum(), points)) for column in outputs.unbind(1))
        assert isinstance(total, Tensor)
        return total.sqrt()


def hutchinson_sensitivity(
    represent: Represent, inputs: Tensor, basis: FeatureBasis, keys: Keys, draws: int
) -> Estimated:
    """Return Hutchinson's estimate of what `gradient_sensitivity` returns, by one backward pass for each draw.

    The root of the mean of ||P_g J^T v||^2 over random sign vectors v: unbiased in the square, so biased low. Noise in
    it attenuates its rank correlation with anything.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        basis: G features.
        keys: one key a sample.
        draws: how many random vectors; 2 or more, for the standard error.

    Raises:
        ConfigError: fewer than 2 draws.
        DataError: as `gradient_sensitivity`.
    """
    if draws < 2:
        raise ConfigError(f"draws: expected 2 or more, got {draws}", "take gradient_sensitivity for the exact norm")
    with _differentiating(inputs) as points:
        outputs = check_represented(represent(points), inputs)
        _require_independence(outputs, points)
        signs = random_signs(keys.child("hutchinson"), draws, outputs)
        squares = [basis.energy(_gradient((outputs * each).sum(), points)) for each in signs]
        return root_mean_of(torch.stack(squares))


def worst_case_sensitivity(represent: Represent, inputs: Tensor, basis: FeatureBasis) -> Tensor:
    """Return (N, G): ||J P_g||_2, the most that the representation changes for a change of length 1 of each feature.

    Exact: the root of the largest eigenvalue of J P_g J^T, whose entries are energies of sums of rows of J. One
    backward pass for each of the m outputs; m (m + 1) / 2 energies, so it is for few outputs, such as logits.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        basis: G features.

    Raises:
        DataError: as `gradient_sensitivity`.
    """
    with _differentiating(inputs) as points:
        outputs = check_represented(represent(points), inputs)
        _require_independence(outputs, points)
        rows = [_gradient(column.sum(), points) for column in outputs.unbind(1)]
    own = [basis.energy(row).double() for row in rows]
    gram = torch.zeros(*own[0].shape, len(rows), len(rows), dtype=torch.float64, device=inputs.device)
    for i, j in combinations_with_replacement(range(len(rows)), 2):
        # ||a + b||^2 = ||a||^2 + ||b||^2 + 2 <a, b>: a basis needs to know no inner product.
        shared = own[i] if i == j else (basis.energy(rows[i] + rows[j]).double() - own[i] - own[j]) / 2
        gram[..., i, j] = gram[..., j, i] = shared
    known = gram.isfinite().all(dim=-1).all(dim=-1)
    largest: Tensor = torch.linalg.eigvalsh(gram.where(known[..., None, None], 0.0))[..., -1]
    return largest.clamp(min=0).sqrt().where(known, torch.nan).to(inputs.dtype)


def loss_aligned_fraction(utility: Tensor, sensitivity: Tensor, slope: Tensor) -> Tensor:
    """Return (N, G) in [0, 1]: u / (s ||dl/dphi||), how much of the sensitivity points along the loss.

    Utility never exceeds sensitivity times the slope, so that both are coupled by arithmetic; this is what is left of
    utility without that. NaN where it is undefined: a feature without sensitivity, a sample with a slope of 0.

    Args:
        utility: (N, G), from `gradient_utility`.
        sensitivity: (N, G), from `gradient_sensitivity`, exact and of the same representation.
        slope: (N,), the length of the loss's gradient with respect to the representation.
    """
    bound = sensitivity * slope[:, None]
    return torch.where(bound > 0, utility / bound.where(bound > 0, torch.ones_like(bound)), torch.nan).clamp(max=1)


@contextmanager
def _differentiating(inputs: Tensor) -> Iterator[Tensor]:
    """Hand out a leaf with the values of `inputs`, also where the caller has switched gradients off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield inputs.detach().clone().requires_grad_()


def _gradient(total: Tensor, points: Tensor) -> Tensor:
    if not total.requires_grad:
        raise DataError("nothing depends on the inputs by a gradient", "leave out detach() and no_grad() in the model")
    (gradient,) = torch.autograd.grad(total, points, retain_graph=True, allow_unused=True)
    return torch.zeros_like(points) if gradient is None else gradient


def _require_independence(outputs: Tensor, points: Tensor) -> None:
    # Not a number is no influence: it is 0 times a slope without end, of a sample whose own gradient is undefined.
    if len(points) > 1 and bool(_gradient(outputs[0].sum(), points)[1:].nan_to_num(nan=0.0).any()):
        raise DataError(
            "the representation of a sample depends on the other samples of its batch",
            "put the model into evaluation mode: model.eval()",
        )


def random_signs(keys: Keys, draws: int, outputs: Tensor) -> Tensor:
    """Return (draws, N, m) of +1 and -1, like `outputs`."""
    drawn = keys.integers(0, 2, draws, outputs.shape[1])
    return (2 * drawn - 1).to(outputs).movedim(1, 0)


def check_represented(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Return the representations, if they are one vector for each sample.

    Raises:
        DataError: they are not.
    """
    if outputs.ndim != 2 or len(outputs) != len(inputs):
        raise DataError(
            f"expected (N, m) representations of {len(inputs)} samples, got shape {tuple(outputs.shape)}",
            "pool them to one vector a sample: robustkit.pool_features",
        )
    return outputs
