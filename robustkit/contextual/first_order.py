"""Utility and sensitivity to first order: lengths of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from robustkit.contextual.bases import FeatureBasis
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
    return basis.total(signed_utility(loss, inputs).square()).sqrt()


def gradient_sensitivity(
    represent: Represent, inputs: Tensor, basis: FeatureBasis, keys: Keys | None = None, draws: int = 0
) -> tuple[Tensor, Tensor]:
    """Return two (N, G): ||J P_g||_F, the Frobenius norm of the Jacobian within each feature, and its standard error.

    It is how much the representation changes for changes of this feature alone, to first order; robustkit's definition,
    after Kim et al. (2021). Without `draws` it is exact, by one backward pass for each of the m outputs, and the
    standard error is 0. With `draws` it is Hutchinson's estimate: the root of the mean of squares over random sign
    vectors v of ||P_g J^T v||, unbiased in the square. Its rank correlations with anything are attenuated.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        basis: G features.
        keys: one key a sample; needed with `draws`.
        draws: how many random vectors; 0 for the exact norm.

    Raises:
        ConfigError: `draws` is 1, for which there is no standard error, or is given without keys.
        DataError: the representations are not (N, m), do not depend on the inputs, or depend on other samples.
    """
    if draws and (draws < 2 or keys is None):
        raise ConfigError(
            f"draws: expected 0, or 2 or more with keys, got {draws}", "leave draws out for the exact norm"
        )
    with _differentiating(inputs) as points:
        outputs = represent(points)
        if outputs.ndim != 2 or len(outputs) != len(inputs):
            raise DataError(
                f"expected (N, m) representations of {len(inputs)} samples, got shape {tuple(outputs.shape)}",
                "pool them to one vector a sample: robustkit.pool_features",
            )
        _require_independence(outputs, points)
        if draws and keys is not None:
            signs = _signs(keys, draws, outputs)
            squares = [basis.total(_gradient((outputs * each).sum(), points).square()) for each in signs]
            return _root_mean(torch.stack(squares))
        total = sum(basis.total(_gradient(column.sum(), points).square()) for column in outputs.unbind(1))
        assert isinstance(total, Tensor)
        return total.sqrt(), torch.zeros_like(total)


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
    if len(points) > 1 and bool(_gradient(outputs[0].sum(), points)[1:].any()):
        raise DataError(
            "the representation of a sample depends on the other samples of its batch",
            "put the model into evaluation mode: model.eval()",
        )


def _signs(keys: Keys, draws: int, outputs: Tensor) -> Tensor:
    """Return (draws, N, m) of +1 and -1."""
    drawn = keys.child("hutchinson").integers(0, 2, draws, outputs.shape[1])
    return (2 * drawn - 1).to(outputs).movedim(1, 0)


def _root_mean(squares: Tensor) -> tuple[Tensor, Tensor]:
    """Return the root of the mean over the first dimension, and its standard error by the delta method."""
    root = squares.mean(dim=0).sqrt()
    error = squares.std(dim=0) / len(squares) ** 0.5
    return root, torch.where(root > 0, error / (2 * root.where(root > 0, torch.ones_like(root))), 0.0)
