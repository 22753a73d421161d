"""The severity figure: accuracy against severity."""

from __future__ import annotations

from collections.abc import Sequence

from robustkit.analysis.captions import describe_data, describe_intervals
from robustkit.analysis.comparison.comparison import CLEAN, NO_ACCURACY, Comparison, Measured, Subject
from robustkit.analysis.comparison.conditions import Condition
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.specs import Axis, FigureSpec, Omission, Panel, Point, Series


def severity_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return one panel a perturbation.

    A line begins at the clean accuracy, which is severity 0; a model that lacks a condition lacks the point.
    """
    families = list(comparison.families("perturbation").values())
    chosen = [(family, series) for family in families if (series := _series(comparison, family))]
    if not chosen:
        missing = comparison.families() and not comparison.has_accuracy
        reason = NO_ACCURACY if missing else "there is no perturbation to draw: evaluate with -p"
        return Omission(figure="severity", reason=reason)
    drawn = [point for _, series in chosen for each in series for point in each.points]
    low, high = limits([end for p in drawn for end in (p.y, p.y_low, p.y_high)], bounds=(0.0, 1.0), air=0.04)
    y = Axis(label="accuracy", low=low, high=high, unit="%", better="higher")
    return FigureSpec(
        id="severity",
        kind="severity",
        title="Accuracy against severity",
        caption=_caption(comparison, families),
        panels=tuple(_panel(family, series, y) for family, series in chosen),
    )


def _panel(family: Sequence[Condition], series: tuple[Series, ...], y: Axis) -> Panel:
    strengths = (0.0, *(condition.strength for condition in family))
    low, high = limits(strengths, air=0.05)
    return Panel(
        title=family[0].family_name,
        kind="line",
        x=Axis(label="severity", low=low, high=high, ticks=strengths),
        y=y,
        series=series,
        condition=family[0].family,
    )


def _series(comparison: Comparison, family: Sequence[Condition]) -> tuple[Series, ...]:
    found = []
    for subject in comparison.subjects:
        points = [_point(condition, comparison.of(subject, condition.text)) for condition in family]
        known = [point for point in points if point is not None]
        if known:
            found.append(_line(comparison, subject, known))
    return tuple(found)


def _line(comparison: Comparison, subject: Subject, known: Sequence[Point]) -> Series:
    clean = comparison.of(subject, CLEAN)
    start = [] if clean.value is None else [_at(0.0, CLEAN, clean)]
    return Series(name=subject.name, style=subject.style, points=(*start, *known), level=clean.value)


def _point(condition: Condition, measured: Measured) -> Point | None:
    return None if measured.value is None else _at(condition.strength, condition.text, measured)


def _at(strength: float, label: str, measured: Measured) -> Point:
    value = float(measured.value or 0.0)
    return Point(x=strength, y=value, y_low=measured.low, y_high=measured.high, label=label, n=measured.n)


def _caption(comparison: Comparison, families: Sequence[Sequence[Condition]]) -> str:
    scopes = [CLEAN, *(condition.text for family in families for condition in family)]
    shown = [comparison.of(subject, scope) for subject in comparison.subjects for scope in scopes]
    parts = [
        f"Accuracy against severity; severity 0 is clean, and the dotted line is that level. "
        f"{describe_data(comparison)}",
        describe_intervals(comparison, shown, "Bands"),
    ]
    return " ".join(parts)
