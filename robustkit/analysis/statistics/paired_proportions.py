"""Newcombe's interval of the difference of two proportions that were found on the same samples."""

from __future__ import annotations

from math import sqrt

from robustkit.analysis.statistics.intervals import LEVEL, wilson_interval
from robustkit.errors import DataError


def newcombe_interval(both: int, lost: int, gained: int, neither: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of (accuracy of the second − accuracy of the first), (low, high) within [-1, 1].

    The ends of the two Wilson intervals are put together with the correlation phi of the two proportions. Unlike a
    bootstrap, it has a width where no sample changed sides.

    Source: Newcombe (1998), Statist. Med. 17, 2635-2650, method 10, without his continuity correction of phi.

    Args:
        both: samples that both get right.
        lost: right by the first alone.
        gained: right by the second alone.
        neither: right by none.
        level: how often the interval is to cover the difference.

    Raises:
        DataError: a count is negative, or there is no sample.

    >>> [round(end, 6) for end in newcombe_interval(60, 5, 15, 20)]
    [0.014201, 0.1845]
    """
    n = both + lost + gained + neither
    if n < 1 or min(both, lost, gained, neither) < 0:
        raise DataError(
            f"expected four counts from 0 with a sum of at least 1, got {both}, {lost}, {gained}, {neither}",
            "count the samples by what the two models made of them",
        )
    first, second = both + lost, both + gained
    phi = _phi(both * neither - lost * gained, first * (n - first) * second * (n - second))
    (low1, high1), (low2, high2) = wilson_interval(first, n, level), wilson_interval(second, n, level)
    p1, p2 = first / n, second / n
    below = _together(p2 - low2, high1 - p1, phi)
    above = _together(high2 - p2, p1 - low1, phi)
    return max(-1.0, p2 - p1 - below), min(1.0, p2 - p1 + above)


def _phi(cross: int, margins: int) -> float:
    return cross / sqrt(margins) if margins else 0.0


def _together(a: float, b: float, phi: float) -> float:
    # Rounding can put the square a hair below 0 where phi is 1.
    return sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))
