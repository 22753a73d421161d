"""A plane of two goals with its Pareto front: what the trade-off and the sensitivity figure have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from robustkit.analysis.comparison.comparison import Measured, Subject
from robustkit.analysis.specs import Axis, Panel, Point, Series
from robustkit.analysis.statistics.pareto import Pair, Place, places, step_line

Shown = tuple[Subject, Measured, Measured]
"""A subject with what it has on the horizontal and on the vertical axis."""

MakeAxis = Callable[[Sequence[float | None]], Axis]
"""Makes an axis around the values that are drawn along it."""


def plane(title: str, shown: Sequence[Shown], x_axis: MakeAxis, y_axis: MakeAxis, *, condition: str) -> Panel | None:
    """Return a panel with one point a subject, or None if none has both values.

    Args:
        title: short.
        shown: who is drawn; who lacks a value is passed over.
        x_axis: its `better` says whether smaller or larger is the goal.
        y_axis: the same.
        condition: what the panel is about, in full.
    """
    known = [each for each in shown if each[1].value is not None and each[2].value is not None]
    if not known:
        return None
    replicates = [_replicates(x, y) for _, x, y in known]
    x = x_axis(_ends([x for _, x, _ in known]) + [point.x for each in replicates for point in each])
    y = y_axis(_ends([y for _, _, y in known]) + [point.y for each in replicates for point in each])
    signs = (-1.0 if x.better == "lower" else 1.0, -1.0 if y.better == "lower" else 1.0)
    if len(known) == 1:
        # A front of one point says nothing.
        subject, point = known[0][0], _point(*known[0], "")
        lone = Series(name=subject.name, style=subject.style, points=(point,), replicates=replicates[0])
        return Panel(title=title, kind="scatter", x=x, y=y, series=(lone,), condition=condition)
    goals = [_signed((_value(x), _value(y)), signs) for _, x, y in known]
    corners = [_signed((_better_end(x, signs[0]), _better_end(y, signs[1])), signs) for _, x, y in known]
    worst = _signed((x.low if signs[0] > 0 else x.high, y.low if signs[1] > 0 else y.high), signs)
    series = tuple(
        Series(name=each[0].name, style=each[0].style, points=(_point(*each, place),), replicates=dots)
        for each, place, dots in zip(known, places(goals, corners), replicates, strict=True)
    )
    front = tuple(_signed(corner, signs) for corner in step_line(goals, floor=worst))
    return Panel(title=title, kind="scatter", x=x, y=y, series=series, front=front, condition=condition)


def _value(measured: Measured) -> float:
    return float(measured.value or 0.0)


def _signed(pair: Pair, signs: Pair) -> Pair:
    return pair[0] * signs[0], pair[1] * signs[1]


def _better_end(measured: Measured, sign: float) -> float:
    end = measured.high if sign > 0 else measured.low
    return _value(measured) if end is None else end


def _ends(measured: Sequence[Measured]) -> list[float | None]:
    return [end for each in measured for end in (each.value, each.low, each.high)]


def _point(subject: Subject, x: Measured, y: Measured, place: Place | Literal[""]) -> Point:
    return Point(
        x=_value(x),
        y=_value(y),
        x_low=x.low,
        x_high=x.high,
        y_low=y.low,
        y_high=y.high,
        label=f"mean of {len(subject.models)} training seeds" if subject.is_group else subject.name,
        n=y.n,
        front=place,
    )


def _replicates(x: Measured, y: Measured) -> tuple[Point, ...]:
    vertical = dict(y.replicates)
    return tuple(Point(x=value, y=vertical[name], label=name) for name, value in x.replicates if name in vertical)
