"""An interval of a difference where all that is known of either number is its own interval."""

from __future__ import annotations

from math import hypot

from robustkit.analysis.statistics.checked import finite_array

Estimated = tuple[float, float, float]
"""(value, low, high)."""


def square_and_add(first: Estimated, second: Estimated) -> tuple[float, float]:
    """Return the interval of (second − first) from an interval of each, (low, high).

    As if the two were independent: wider than need be where they are positively correlated, as numbers on the same
    samples mostly are.

    Source: Zou & Donner (2008), Statist. Med. 27, 1693-1702 (MOVER).

    Raises:
        DataError: a number is not finite, or there are not three of each.

    >>> [round(end, 4) for end in square_and_add((0.5, 0.4, 0.6), (0.7, 0.6, 0.8))]
    [0.0586, 0.3414]
    """
    for name, each in (("first", first), ("second", second)):
        finite_array(name, each, 3)
    value = second[0] - first[0]
    below = hypot(second[0] - second[1], first[2] - first[0])
    above = hypot(second[2] - second[0], first[0] - first[1])
    return value - below, value + above
