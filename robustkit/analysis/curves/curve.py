"""Numbers that describe a curve of accuracy over severity: area, slope, the severity that halves it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def curve_area(severities: Sequence[float], accuracies: ArrayLike) -> Array:
    """Return the area under the curve by the trapezoid rule, over the range of severities: a mean accuracy, in [0, 1].

    Include severity 0, the clean accuracy: without it the area is of another curve, and higher or lower with the
    number of severities.

    Args:
        severities: ascending, at least two.
        accuracies: (..., severities).

    >>> float(curve_area([0, 1, 3], [0.9, 0.7, 0.3]))
    0.6
    """
    widths = np.diff(np.asarray(severities, dtype=np.float64))
    values = np.asarray(accuracies, dtype=np.float64)
    return np.asarray(((values[..., 1:] + values[..., :-1]) / 2) @ widths / widths.sum())


def curve_slope(severities: Sequence[float], accuracies: ArrayLike) -> Array:
    """Return the slope of the least-squares line: change of accuracy for each step of severity.

    Args:
        severities: at least two different ones.
        accuracies: (..., severities).

    >>> float(curve_slope([0, 1, 2], [0.9, 0.6, 0.3]).round(6))
    -0.3
    """
    centred = np.asarray(severities, dtype=np.float64) - np.mean(severities)
    return np.asarray(np.asarray(accuracies, dtype=np.float64) @ centred / (centred @ centred))


def half_severity(severities: Sequence[float], accuracies: ArrayLike) -> Array:
    """Return the lowest severity at which accuracy is half that at the first severity, by linear interpolation.

    NaN where it is not reached at any of the severities, or where accuracy is 0 at the first.

    Args:
        severities: ascending; the first is that of clean inputs.
        accuracies: (..., severities).

    >>> half_severity([0, 1, 3], [[0.8, 0.6, 0.2], [0.8, 0.7, 0.6]]).tolist()
    [2.0, nan]
    """
    where, values = np.asarray(severities, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    half = values[..., :1] / 2
    below = values <= half
    after = below.argmax(-1)
    reached = below.any(-1) & (values[..., 0] > 0)
    after = np.where(reached, after, 1)
    above = np.take_along_axis(values, after[..., None] - 1, -1)[..., 0]
    under = np.take_along_axis(values, after[..., None], -1)[..., 0]
    fallen = np.where(reached, above - under, 1.0)
    between = (above - half[..., 0]) / fallen
    return np.asarray(np.where(reached, where[after - 1] + between * (where[after] - where[after - 1]), np.nan))
