"""Pareto fronts of points with two goals, each larger the better; negate a goal that should be small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Place = Literal["on", "reaches", "dominated"]
Pair = tuple[float, float]


def dominates(a: Pair, b: Pair) -> bool:
    """Return whether `a` is at least as good as `b` in both goals and better in one.

    >>> dominates((2, 1), (1, 1)), dominates((1, 1), (1, 1)), dominates((2, 0), (1, 1))
    (True, False, False)
    """
    return a[0] >= b[0] and a[1] >= b[1] and a != b


def pareto_front(points: Sequence[Pair]) -> list[bool]:
    """Return for each point whether no other dominates it; equal points share their place.

    >>> pareto_front([(1, 3), (2, 2), (1, 2), (3, 1), (1, 3)])
    [True, True, False, True, True]
    """
    return [not any(dominates(other, point) for other in points) for point in points]


def places(points: Sequence[Pair], best: Sequence[Pair]) -> list[Place]:
    """Return where each point stands to the front of the point estimates.

    `on` it; `reaches` it: dominated, but the better ends of its two intervals together are not dominated by any point
    on the front, so the data do not separate it from the front; or `dominated`. (robustkit's choice: intervals of the
    front's points themselves are not used, and the two ends are taken together.)

    Args:
        points: the point estimates.
        best: for each point the better ends of its intervals; the point itself where it has none.

    >>> places([(2, 2), (1, 1), (1, 1)], [(2, 2), (2.5, 1.5), (1.5, 1.5)])
    ['on', 'reaches', 'dominated']
    """
    on_front = pareto_front(points)
    front = [point for point, on in zip(points, on_front, strict=True) if on]
    found: list[Place] = []
    for on, corner in zip(on_front, best, strict=True):
        separable = any(dominates(other, corner) or other == corner for other in front)
        found.append("on" if on else "dominated" if separable else "reaches")
    return found


def step_line(points: Sequence[Pair], floor: Pair) -> list[Pair]:
    """Return the corners of the front as a step line: below and left of it lies what is dominated.

    Args:
        points: all points.
        floor: a place that is worse than all of them, where the line begins and ends.

    >>> step_line([(1, 3), (2, 2), (1, 2)], floor=(0, 0))
    [(0, 3), (1, 3), (1, 2), (2, 2), (2, 0)]
    """
    front = sorted({point for point, on in zip(points, pareto_front(points), strict=True) if on})
    if not front:
        return []
    line = [(floor[0], front[0][1])]
    for place, point in enumerate(front):
        after = front[place + 1][1] if place + 1 < len(front) else floor[1]
        line += [point, (point[0], after)]
    return line
