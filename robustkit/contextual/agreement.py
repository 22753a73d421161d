"""Is a model sensitive to what is useful? Numbers a sample from the utility and sensitivity of its features.

Whatever is undefined for a sample is NaN, never 0: to be counted and said, not to be averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit.errors import DataError

_ROUNDING = 1e-6
"""What differs by less, relative to the largest, is equal: float32 gradients are not more exact."""


def agreement(utility: Tensor, sensitivity: Tensor, length: Tensor, fraction: float = 0.1) -> dict[str, Tensor]:
    """Return every number below by the name that reports give it, each (N,).

    `rank-correlation`, `cosine`, `s-low`, `s-high`, `sensitivity-mass`, `contrast-ratio`, `weighted-sensitivity`. None
    changes when a layer is rescaled: sensitivity enters as a ratio, or divided by the representation's length.

    Args:
        utility: (N, G), 0 or above, with G of 2 or more.
        sensitivity: (N, G), 0 or above.
        length: (N,), the L2 norm of each sample's representation.
        fraction: which share of the features counts as top and as bottom, in (0, 1].

    Raises:
        DataError: shapes that do not fit, fewer than 2 features, a fraction outside (0, 1], negative or non-finite
            numbers.
    """
    _check(utility, sensitivity, fraction)
    utility, sensitivity, length = utility.double(), sensitivity.double(), length.double()
    low, high = sensitivity_halves(utility, sensitivity, length)
    return {
        "rank-correlation": rank_correlation(utility, sensitivity),
        "cosine": cosine(utility, sensitivity),
        "s-low": low,
        "s-high": high,
        "sensitivity-mass": sensitivity_mass(utility, sensitivity, fraction),
        "contrast-ratio": contrast_ratio(utility, sensitivity, fraction),
        "weighted-sensitivity": weighted_sensitivity(utility, sensitivity),
    }


def agreement_by_chance(
    utility: Tensor, sensitivity: Tensor, length: Tensor, fraction: float = 0.1
) -> dict[str, Tensor]:
    """Return what `agreement` would give on average if sensitivities were shuffled among the features, each (N,).

    Exact, not simulated; of `contrast-ratio`, the geometric mean. NaN where the number itself is not defined.

    Args:
        utility: as for `agreement`.
        sensitivity: as for `agreement`.
        length: as for `agreement`.
        fraction: as for `agreement`.
    """
    utility, sensitivity, length = utility.double(), sensitivity.double(), length.double()
    mean = _ratio(sensitivity.mean(1), length)
    ones = torch.ones_like(mean)
    return {
        "rank-correlation": 0 * ones,
        "cosine": _ratio(utility.sum(1) * sensitivity.mean(1), utility.norm(dim=1) * sensitivity.norm(dim=1)),
        "s-low": mean,
        "s-high": mean,
        "sensitivity-mass": fraction * ones,
        "contrast-ratio": ones,
        "weighted-sensitivity": ones,
    }


def rank_correlation(utility: Tensor, sensitivity: Tensor) -> Tensor:
    """Return (N,) in [-1, 1]: Spearman's rank correlation over the features; ties have their average rank.

    Undefined where one of both is the same for all features (within float32 rounding).

    Raises:
        DataError: they are not (N, G) of one shape, there is no feature, or a number is not finite.

    >>> rank_correlation(torch.tensor([[0.5, 5.5, 4.5]]), torch.tensor([[1.0, 5**0.5, 1.0]])).round(decimals=6)
    tensor([0.8660], dtype=torch.float64)
    """
    _check_shapes(utility, sensitivity)
    _check_values(utility, sensitivity)
    ranks = [_over_ties(values, torch.arange(1.0, values.shape[1] + 1)) for values in (utility, sensitivity)]
    first, second = (rank - rank.mean(dim=1, keepdim=True) for rank in ranks)
    found = (first * second).sum(1) / (first.square().sum(1) * second.square().sum(1)).sqrt()
    return found.clamp(-1, 1).where(~(_constant(utility) | _constant(sensitivity)), torch.nan)


def cosine(utility: Tensor, sensitivity: Tensor) -> Tensor:
    """Return (N,) in [0, 1]: the cosine between both as vectors over the features. Undefined where one is all 0."""
    product = (utility * sensitivity).sum(1)
    return _ratio(product, utility.norm(dim=1) * sensitivity.norm(dim=1)).clamp(max=1)


def sensitivity_halves(utility: Tensor, sensitivity: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Return two (N,): mean relative sensitivity over the half of the features with the lowest and the highest utility.

    Relative to the length of the sample's representation, robustkit's choice. A robust model has the first low, a
    sensitive one the second high. Undefined for a representation of length 0.
    """
    low, high = (_mean_top(utility * sign, sensitivity, 0.5) for sign in (-1, 1))
    return _ratio(low, length), _ratio(high, length)


def sensitivity_mass(utility: Tensor, sensitivity: Tensor, fraction: float) -> Tensor:
    """Return (N,) in [0, 1]: the share of squared sensitivity on the top `fraction` of features by utility.

    By chance it is `fraction`. Undefined without any sensitivity.
    """
    squares = sensitivity.square()
    return _ratio((_top(utility, fraction) * squares).sum(1), squares.sum(1)).clamp(max=1)


def contrast_ratio(utility: Tensor, sensitivity: Tensor, fraction: float) -> Tensor:
    """Return (N,): mean sensitivity of the top `fraction` of features by utility over that of the bottom `fraction`.

    By chance it is 1. Undefined where the bottom has no sensitivity.
    """
    top, bottom = (_mean_top(utility * sign, sensitivity, fraction) for sign in (1, -1))
    return _ratio(top, bottom.where(bottom > _ROUNDING * sensitivity.amax(1), 0.0))


def weighted_sensitivity(utility: Tensor, sensitivity: Tensor) -> Tensor:
    """Return (N,): mean sensitivity weighted by utility, over the plain mean; 1 for a model that is indifferent.

    Undefined without any utility, or without any sensitivity.
    """
    weighted = _ratio((utility * sensitivity).sum(1), utility.sum(1))
    return _ratio(weighted, sensitivity.mean(1))


def _check(utility: Tensor, sensitivity: Tensor, fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise DataError(f"expected a fraction in (0, 1], got {fraction}", "0.1 takes a tenth of the features")
    _check_shapes(utility, sensitivity)
    if utility.shape[1] < 2:
        raise DataError(
            f"expected at least 2 features to compare, got {utility.shape[1]}", "take smaller ones, or a larger input"
        )
    _check_values(utility, sensitivity, least=0)


def _check_shapes(utility: Tensor, sensitivity: Tensor) -> None:
    if utility.ndim != 2 or utility.shape != sensitivity.shape or not utility.shape[1]:
        raise DataError(
            f"expected utility and sensitivity as (N, G), got {tuple(utility.shape)} and {tuple(sensitivity.shape)}",
            "both must be of the same features",
        )


def _check_values(utility: Tensor, sensitivity: Tensor, least: float = -torch.inf) -> None:
    for name, values in (("utility", utility), ("sensitivity", sensitivity)):
        if not bool((values.isfinite() & (values >= least)).all()):
            raise DataError(
                f"expected {name} to be finite{' and 0 or above' if least == 0 else ''}, got a value that is not",
                "look at the model's outputs and gradients; signed utility enters by its absolute value",
            )


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """Return above / below, NaN where the latter is 0."""
    return torch.where(below > 0, above / below.where(below > 0, torch.ones_like(below)), torch.nan)


def _mean_top(utility: Tensor, sensitivity: Tensor, fraction: float) -> Tensor:
    weights = _top(utility, fraction)
    return (weights * sensitivity).sum(1) / weights.sum(1)


def _top(utility: Tensor, fraction: float) -> Tensor:
    """Return (N, G) weights in [0, 1] that add up to G * fraction, on the features of highest utility.

    The feature at the edge counts in part, and equal features share: no order of the features has an influence.
    """
    n = utility.shape[1]
    from_lowest = torch.arange(n, dtype=torch.float64)
    return _over_ties(utility, (from_lowest + 1 - n * (1 - fraction)).clamp(0, 1))


def _over_ties(values: Tensor, by_position: Tensor) -> Tensor:
    """Return (N, G) float64: what is given to each position in ascending order, averaged over equal values."""
    ordered, order = values.sort(dim=1)
    starts = torch.ones_like(order)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = starts.cumsum(1) - 1
    given = by_position.to(values.device, torch.float64).expand(values.shape).contiguous()
    zeros = torch.zeros_like(given)
    mean = zeros.scatter_add(1, group, given) / zeros.scatter_add(1, group, torch.ones_like(given)).clamp(min=1)
    return zeros.scatter(1, order, mean.gather(1, group))


def _constant(values: Tensor) -> Tensor:
    return values.amax(1) - values.amin(1) <= _ROUNDING * values.abs().amax(1)
