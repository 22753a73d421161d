"""The robust-accuracy curve: accuracy under attack against eps, from several runs of an attack or from one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from robustkit.analysis.captions import UPPER_BOUND, describe_data, describe_intervals, describe_worst_case
from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured, Subject
from robustkit.analysis.comparison.conditions import WORST_CASE, Condition
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.specs import Axis, FigureSpec, Omission, Panel, Point, Series

METRIC = "robust-accuracy-curve"
KIND = "robust-accuracy"

Measurements = Sequence[tuple[float, str, Measured]]
"""Eps, what was measured there in full, and the accuracy."""


def robust_accuracy_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return one panel for each attack that was run at two eps or more, and one for each that has the curve's metric.

    A line begins at the clean accuracy, which is eps 0. Where the curve's metric is unreliable, as it is below the
    eps of an attack that does not minimise the norm, it is not drawn.
    """
    panels = [*_of_families(comparison), *_of_single_runs(comparison)]
    if not panels:
        reason = f"no attack was run at several eps, or with -m {METRIC} where it minimises the norm"
        return Omission(figure=KIND, reason=reason)
    drawn = [point for panel in panels for series in panel.series for point in series.points]
    low, high = limits([end for p in drawn for end in (p.y, p.y_low, p.y_high)], bounds=(0.0, 1.0), air=0.04)
    y = Axis(label="robust accuracy", low=low, high=high, unit="%", better="higher")
    return FigureSpec(
        id=KIND,
        kind=KIND,
        title="Robust accuracy against eps",
        caption=_caption(comparison, single=any(METRIC in panel.condition for panel in panels)),
        panels=tuple(replace(panel, y=y) for panel in panels),
    )


def _of_families(comparison: Comparison) -> Iterator[Panel]:
    """Yield a panel for each attack at several eps, from the accuracy of each of its runs."""
    for family in [*comparison.families(WORST_CASE).values(), *comparison.families("attack").values()]:
        if len({each.strength for each in family}) > 1:
            lines = [
                (subject, [(each.strength, each.text, comparison.of(subject, each.text)) for each in family])
                for subject in comparison.subjects
            ]
            yield from _panel(comparison, family[0].family_name, family[0], lines, family[0].family)


def _of_single_runs(comparison: Comparison) -> Iterator[Panel]:
    """Yield a panel for each attack whose norms were made a curve of, from its run at the largest eps."""
    for metric in comparison.metrics_named(METRIC):
        for family in comparison.families("attack").values():
            condition = family[-1]
            lines = [(subject, _parts(comparison, subject, condition, metric)) for subject in comparison.subjects]
            title = f"{condition.name}, one run"
            yield from _panel(comparison, title, condition, lines, f"{metric} under {condition.text}")


def _parts(comparison: Comparison, subject: Subject, condition: Condition, metric: str) -> Measurements:
    found: Measurements = [
        (eps, f"{name} under {text}", measured)
        for (model, text, name), measured in comparison.metrics.items()
        if model == subject.name and text == condition.text and name.partition("@")[0] == metric
        for eps in [_eps(name.partition("@")[2])]
        if eps is not None
    ]
    if any(measured.unreliable for _, _, measured in found):
        return []
    return sorted(found, key=lambda each: each[0])


def _eps(part: str) -> float | None:
    """Return the eps that a part of the metric is at, or None for its other parts.

    >>> _eps("8/255") == 8 / 255, _eps("0.1"), _eps("median-norm")
    (True, 0.1, None)
    """
    try:
        return float(Fraction(part))
    except (ValueError, ZeroDivisionError):
        return None


def _panel(
    comparison: Comparison,
    title: str,
    condition: Condition,
    lines: Sequence[tuple[Subject, Measurements]],
    about: str,
) -> Iterator[Panel]:
    """Yield the panel of some lines, or nothing where nothing is known; its vertical axis is set later."""
    series = tuple(each for subject, measurements in lines if (each := _line(comparison, subject, measurements)))
    if series:
        strengths = sorted({point.x for each in series for point in each.points})
        low, high = limits(strengths, air=0.05, least=1e-6)
        unit = "/255" if all(_is_grey_level(strength) for strength in strengths if strength) else ""
        x = Axis(label=f"eps ({condition.norm})", low=low, high=high, unit=unit, ticks=tuple(strengths))
        yield Panel(title=title, kind="line", x=x, y=x, series=series, condition=about)


def _is_grey_level(eps: float) -> bool:
    """Return whether an eps is a whole number of grey levels, or half a one, and written as such.

    >>> _is_grey_level(8 / 255), _is_grey_level(0.3), _is_grey_level(1.0)
    (True, False, False)
    """
    # 0.1 is 25.5 of them, but nobody writes it so.
    return eps < 1 and len(repr(eps)) > 8 and abs(510 * eps - round(510 * eps)) < 1e-6


def _line(comparison: Comparison, subject: Subject, measurements: Measurements) -> Series | None:
    points = [_point(*each) for each in measurements if each[2].value is not None]
    if not points:
        return None
    clean = comparison.of(subject, CLEAN)
    start = [] if clean.value is None else [_point(0.0, CLEAN, clean)]
    return Series(name=subject.name, style=subject.style, points=(*start, *points), level=clean.value)


def _point(eps: float, label: str, measured: Measured) -> Point:
    value = float(measured.value or 0.0)
    return Point(x=eps, y=value, y_low=measured.low, y_high=measured.high, label=label, n=measured.n)


def _caption(comparison: Comparison, *, single: bool) -> str:
    scopes = [CLEAN, *(each.text for family in comparison.families("attack").values() for each in family)]
    shown = [comparison.of(subject, scope) for subject in comparison.subjects for scope in scopes]
    parts = [
        f"Robust accuracy against eps; eps 0 is clean, and the dotted line is that level. {describe_data(comparison)}",
        describe_intervals(comparison, shown, "Bands"),
    ]
    if single:
        parts.append(
            "One run: at each eps the share of samples that are right and for which this run of the attack found no "
            "adversarial input of at most that norm. Attacks that do not minimise it are left out."
        )
    return " ".join([*parts, *describe_worst_case(comparison.conditions), UPPER_BOUND])
