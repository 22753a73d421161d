"""The CKA figure: how similar each layer stays to itself when the inputs degrade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robustkit.analysis.captions import describe_data, describe_intervals, describe_metrics
from robustkit.analysis.comparison.comparison import Comparison, Measured, Subject
from robustkit.analysis.comparison.conditions import Condition
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.specs import Axis, FigureSpec, Omission, Panel, Point, Series

METRIC = "linear-cka"
MOST_PANELS = 8
"""With more pairs of model and perturbation, each model gets one panel with the mean over perturbations."""

Family = list[Condition]


def cka_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return panels with CKA against severity, one line a layer: clean inputs to degraded inputs of one model."""
    families = list(comparison.families().values())
    pairs = [(subject, [family]) for subject in comparison.subjects for family in families]
    if len(pairs) > MOST_PANELS:
        pairs = [(subject, families) for subject in comparison.subjects]
    chosen = [(*pair, series) for pair in pairs if (series := _series(comparison, *pair))]
    if not chosen:
        return Omission(figure="cka", reason="CKA was not measured under a perturbation: evaluate with -m linear-cka")
    drawn = [point for _, _, series in chosen for each in series for point in each.points]
    low, high = limits([end for p in drawn for end in (p.y, p.y_low, p.y_high)], bounds=(-1.0, 1.0))
    y = Axis(label="linear CKA", low=low, high=high)
    return FigureSpec(
        id="cka",
        kind="cka",
        title="Similarity of each layer on clean and on perturbed inputs",
        caption=_caption(comparison, [families for _, families, _ in chosen]),
        panels=tuple(_panel(*each, y) for each in chosen),
    )


def _panel(subject: Subject, families: Sequence[Family], series: tuple[Series, ...], y: Axis) -> Panel:
    levels = _levels(families)
    low, high = limits(levels, air=0.05)
    over = families[0][0].family_name if len(families) == 1 else f"mean of {len(families)} perturbations"
    return Panel(
        title=f"{subject.name}: {over}",
        kind="line",
        x=Axis(label="severity", low=low, high=high, ticks=levels),
        y=y,
        series=series,
        condition=" + ".join(family[0].family for family in families),
    )


def _levels(families: Sequence[Family]) -> tuple[float, ...]:
    """Return the severities that all perturbations have."""
    return tuple(sorted(set.intersection(*({each.strength for each in family} for family in families))))


def _series(comparison: Comparison, subject: Subject, families: Sequence[Family]) -> tuple[Series, ...]:
    whole = comparison.metrics_named(METRIC)
    layers = dict.fromkeys(metric for _, _, metric in comparison.metrics if metric.partition("@")[0] in whole)
    found = []
    for place, layer in enumerate(layers):
        points = [_point(comparison, subject, families, layer, level) for level in _levels(families)]
        known = tuple(point for point in points if point is not None)
        if known:
            name = layer.partition("@")[2] if len(whole) == 1 else layer.rpartition("/")[2]
            found.append(Series(name=name or layer, style=place, points=known))
    return tuple(found)


def _point(
    comparison: Comparison, subject: Subject, families: Sequence[Family], layer: str, level: float
) -> Point | None:
    conditions = [each.text for family in families for each in family if each.strength == level]
    measured = [comparison.metric(subject, text, layer) for text in conditions]
    values = [each.value for each in measured if each.value is not None]
    if len(values) < len(measured):
        return None
    # A mean over perturbations rests on the same samples throughout, so the single intervals do not add up.
    only = measured[0] if len(measured) == 1 else Measured(value=None)
    mean = float(np.mean(values))
    label = f"{layer} under {' + '.join(conditions)}"
    return Point(x=level, y=mean, y_low=only.low, y_high=only.high, label=label, n=measured[0].n)


def _caption(comparison: Comparison, families: Sequence[Sequence[Family]]) -> str:
    layers = comparison.metrics_named(METRIC)
    single = [each[0] for each in families if len(each) == 1]
    shown = [
        measured
        for (_, condition, metric), measured in comparison.metrics.items()
        if metric.partition("@")[0] in layers and any(condition == one.text for family in single for one in family)
    ]
    intervals = (
        describe_intervals(comparison, shown, "Bands")
        if single
        else "Means over perturbations; no intervals are given."
    )
    return (
        "Linear CKA (unbiased estimator, features averaged over positions) between a layer's outputs on clean and on "
        "perturbed inputs of the same samples; 1 is equal up to rotation and scale, and unrelated outputs may fall "
        f"below 0. {describe_data(comparison)} {intervals} {describe_metrics(comparison, layers)}"
    )
