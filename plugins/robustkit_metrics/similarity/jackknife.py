"""Intervals of what is computed from moments: from its values without one chunk of samples at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robustkit_metrics.similarity.moments import Array

METHOD = "jackknife-chunks"

FEWEST_CHUNKS = 5

Bounds = tuple[float | None, float | None]
Interval = tuple[float | None, float | None]


def intervals(values: Array, without: Sequence[Array], bounds: Bounds) -> list[Interval]:
    """Return Student's 95 % intervals around values, cut off at the ends of the scale; (None, None) for none.

    The ends are cut, the values are not: what lies beyond the scale cannot be true, so an interval loses no coverage by
    it, while values that were cut would no longer be right on average.

    Args:
        values: (P,) of all samples; NaN for none.
        without: (P,) each, of all samples but those of one chunk.
        bounds: the ends of the scale.
    """
    count = len(without)
    if count < FEWEST_CHUNKS:
        return [(None, None)] * len(values)
    from scipy.special import stdtrit

    every = np.array(without)
    error = np.sqrt((count - 1) / count * np.square(every - every.mean(axis=0)).sum(axis=0))
    half = stdtrit(count - 1, 0.975) * error
    return [_cut(value - room, value + room, bounds) for value, room in zip(values, half, strict=True)]


def _cut(low: float, high: float, bounds: Bounds) -> Interval:
    if not np.isfinite(low) or not np.isfinite(high):
        return None, None
    least = -np.inf if bounds[0] is None else bounds[0]
    most = np.inf if bounds[1] is None else bounds[1]
    return float(np.clip(low, least, most)), float(np.clip(high, least, most))
