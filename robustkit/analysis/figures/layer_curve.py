"""A number of each layer against severity: what the figures of similarity and of probes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from robustkit.analysis.captions import describe_data, describe_intervals, describe_metrics
from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured, Subject
from robustkit.analysis.comparison.conditions import Condition
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.specs import Axis, Better, FigureSpec, Omission, Panel, Point, Series

MOST_PANELS = 8
"""With more pairs of model and perturbation, each model gets one panel with the mean over perturbations."""

Family = list[Condition]


@dataclass(frozen=True, kw_only=True)
class LayerCurve:
    """What is drawn.

    Attributes:
        metric: whose parts are layers.
        id: of the figure.
        title: of the figure.
        label: of the vertical axis.
        caption: what the numbers are.
        missing: why there is no figure, where there are no numbers.
        bounds: the ends of the scale.
        unit: how numbers are printed.
        better: which end of the scale is the goal.
        clean: whether there are numbers of clean inputs, at severity 0.
        telling: parameters of the metric that panel titles state where its name does.
    """

    metric: str
    id: str
    title: str
    label: str
    caption: str
    missing: str
    bounds: tuple[float, float]
    unit: Literal["", "%"] = ""
    better: Better = ""
    clean: bool = False
    telling: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Content:
    """What one panel shows: a metric, as the run calls it, of a subject, under some families of conditions."""

    metric: str
    subject: Subject
    families: Sequence[Family]


def layer_figure(comparison: Comparison, curve: LayerCurve) -> FigureSpec | Omission:
    """Return panels with the numbers against severity, one line a layer; one panel a metric where there are several."""
    families = list(comparison.families().values())
    whole = [(metric, subject) for metric in comparison.metrics_named(curve.metric) for subject in comparison.subjects]
    contents = [_Content(metric=m, subject=s, families=[family]) for m, s in whole for family in families]
    if len(contents) > MOST_PANELS:
        contents = [_Content(metric=metric, subject=subject, families=families) for metric, subject in whole]
    chosen = [(content, series) for content in contents if (series := _series(comparison, curve, content))]
    if not chosen:
        return Omission(figure=curve.id, reason=curve.missing)
    drawn = [point for _, series in chosen for each in series for point in each.points]
    low, high = limits([end for p in drawn for end in (p.y, p.y_low, p.y_high)], bounds=curve.bounds)
    y = Axis(label=curve.label, low=low, high=high, unit=curve.unit, better=curve.better)
    return FigureSpec(
        id=curve.id,
        kind=curve.id,
        title=curve.title,
        caption=_caption(comparison, curve, [content.families for content, _ in chosen]),
        panels=tuple(_panel(curve, *each, y) for each in chosen),
    )


def _panel(curve: LayerCurve, content: _Content, series: tuple[Series, ...], y: Axis) -> Panel:
    families, levels = content.families, _levels(curve, content.families)
    low, high = limits(levels, air=0.05)
    over = families[0][0].family_name if len(families) == 1 else f"mean of {len(families)} perturbations"
    given = dict(item.split("=", 1) for item in content.metric.partition(":")[2].split(",") if "=" in item)
    telling = [f"{key}={given[key]}" for key in curve.telling if key in given]
    return Panel(
        title=", ".join([f"{content.subject.name}: {over}", *telling]),
        kind="line",
        x=Axis(label="severity", low=low, high=high, ticks=levels),
        y=y,
        series=series,
        condition=" + ".join(family[0].family for family in families),
    )


def _levels(curve: LayerCurve, families: Sequence[Family]) -> tuple[float, ...]:
    """Return the severities that all perturbations have."""
    shared = set.intersection(*({each.strength for each in family} for family in families))
    return tuple(sorted(shared | ({0.0} if curve.clean else set())))


def _series(comparison: Comparison, curve: LayerCurve, content: _Content) -> tuple[Series, ...]:
    found = []
    for place, layer in enumerate(_layers(comparison, curve)):
        part, levels = f"{content.metric}@{layer}", _levels(curve, content.families)
        points = [_point(comparison, content.subject, content.families, part, level) for level in levels]
        known = tuple(point for point in points if point is not None)
        if any(point.x > 0 for point in known):
            found.append(Series(name=layer, style=place, points=known))
    return tuple(found)


def _layers(comparison: Comparison, curve: LayerCurve) -> list[str]:
    """Return the layers of all panels, so that each has the same line in all of them."""
    whole = comparison.metrics_named(curve.metric)
    split = (metric.partition("@") for _, _, metric in comparison.metrics)
    return list(dict.fromkeys(layer for metric, _, layer in split if metric in whole and layer))


def _point(
    comparison: Comparison, subject: Subject, families: Sequence[Family], layer: str, level: float
) -> Point | None:
    conditions = [each.text for family in families for each in family if each.strength == level] or [CLEAN]
    measured = [comparison.metric(subject, text, layer) for text in conditions]
    values = [each.value for each in measured if each.value is not None]
    if len(values) < len(measured):
        return None
    # A mean over perturbations rests on the same samples throughout, so the single intervals do not add up.
    only = measured[0] if len(measured) == 1 else Measured(value=None)
    mean = float(np.mean(values))
    label = f"{layer} under {' + '.join(conditions)}"
    return Point(x=level, y=mean, y_low=only.low, y_high=only.high, label=label, n=measured[0].n)


def _caption(comparison: Comparison, curve: LayerCurve, families: Sequence[Sequence[Family]]) -> str:
    metrics = comparison.metrics_named(curve.metric)
    single = [each[0] for each in families if len(each) == 1]
    shown = [
        measured
        for (_, condition, metric), measured in comparison.metrics.items()
        if metric.partition("@")[0] in metrics and any(condition == one.text for family in single for one in family)
    ]
    intervals = (
        describe_intervals(comparison, shown, "Bands")
        if single
        else "Means over perturbations; no intervals are given."
    )
    return f"{curve.caption} {describe_data(comparison)} {intervals} {describe_metrics(comparison, metrics)}"
