"""The area that a set of points with two goals dominates, and how it varies with the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.checked import finite_array
from robustkit.analysis.statistics.intervals import LEVEL, bootstrap_draws
from robustkit.analysis.statistics.pareto import Pair
from robustkit.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Hypervolume:
    """A hypervolume with its reference point, without which it means nothing.

    Attributes:
        value: area between the reference point and the front of the point estimates.
        low: lower end of the 95 % bootstrap interval. It is the basic one, 2·value − quantile, which takes the bias
            out: percentiles would add it once more. The value itself can lie above it.
        high: upper end.
        bias: mean of the resamples minus value. The best of several noisy points looks too good, so the value itself
            is about as much too high.
        reference: the point.
    """

    value: float
    low: float
    high: float
    bias: float
    reference: Pair


def hypervolume(points: Sequence[Pair], reference: Pair) -> float:
    """Return the area that points dominate above a reference point; each goal the larger the better.

    Points that are not above the reference in both goals add nothing.

    Source: Zitzler & Thiele (1999), for two goals.

    Args:
        points: any number.
        reference: finite.

    Raises:
        DataError: a number is not finite, or a point has not two.

    >>> round(hypervolume([(0.76, 0.40), (0.74, 0.50), (0.70, 0.55), (0.72, 0.45)], (0.6, 0.3)), 6)
    0.035
    """
    stacked = finite_array("points", list(points), None, 2) if len(points) else np.empty((0, 2))
    return float(_areas(stacked[None], finite_array("reference", reference, 2))[0])


def bootstrap_hypervolume(
    first: Array, second: Array, reference: Pair, *, resamples: int = 1000, seed: int = 0
) -> Hypervolume:
    """Return the hypervolume of models, resampling the samples jointly for all models and both goals.

    Args:
        first: (models, n) the first goal by sample; a model's is the mean.
        second: (models, n) the second goal, of the same samples.
        reference: the point.
        resamples: how many.
        seed: of the generator.

    Raises:
        DataError: the shapes differ, there is no model or sample, or a number is not finite.
    """
    draws, corner = goal_draws(first, second, resamples=resamples, seed=seed), finite_array("reference", reference, 2)
    areas = _areas(draws, corner)
    points = np.stack([np.mean(first, axis=1), np.mean(second, axis=1)], axis=1)
    value = float(_areas(points[None], corner)[0])
    high, low = 2 * value - np.quantile(areas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    bias = float(areas.mean()) - value
    return Hypervolume(value=value, low=float(low), high=float(high), bias=bias, reference=reference)


def goal_draws(first: Array, second: Array, *, resamples: int, seed: int) -> Array:
    """Return both goals of every model in every resample, (R, models, 2).

    Raises:
        DataError: the shapes differ, there is no model or sample, or a number is not finite.
    """
    first, second = finite_array("first goal", first), finite_array("second goal", second)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise DataError(
            f"expected both goals as (models, samples), got shapes {first.shape} and {second.shape}",
            "give both for the same models and samples",
        )
    models, n = first.shape
    goals = np.concatenate([first, second]).T
    means = bootstrap_draws(lambda counts: counts @ goals / n, n, resamples=resamples, seed=seed)
    return means.reshape(len(means), 2, models).swapaxes(1, 2)


def _areas(points: Array, reference: Array) -> Array:
    """Return the dominated areas of (R, models, 2) points, (R,)."""
    above = np.maximum(points - reference, 0.0)
    order = np.argsort(-above[..., 0], axis=1)
    across, up = (np.take_along_axis(above[..., goal], order, axis=1) for goal in (0, 1))
    # From right to left, a strip is as high as the highest point so far.
    edges = np.concatenate([across[:, 1:], np.zeros((len(points), 1))], axis=1)
    return np.asarray(((across - edges) * np.maximum.accumulate(up, axis=1)).sum(axis=1))
