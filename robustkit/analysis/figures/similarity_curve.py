"""The CKA figure: how similar each layer stays to itself when the inputs degrade, by CKA and other measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustkit.analysis.captions import describe_data, describe_intervals, describe_metrics
from robustkit.analysis.comparison.comparison import Comparison, Measured, Subject
from robustkit.analysis.comparison.conditions import Condition, short_names, split_canonical
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.figures.similarity_matrix import is_pair
from robustkit.analysis.specs import Axis, FigureSpec, Omission, Panel, Point, Series

LINEAR = "linear-cka"
SIMILARITY = "similarity"
MOST_PANELS = 8
"""With more pairs of model and perturbation, each model gets one panel with the mean over perturbations."""

Family = list[Condition]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of similarity between clean and degraded inputs.

    Attributes:
        name: for the vertical axis.
        layers: by layer, the metric with its part.
    """

    name: str
    layers: Mapping[str, str]


def cka_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return panels with similarity against severity, one line a layer: clean inputs to degraded ones of one model."""
    measures = _measures(comparison)
    families = list(comparison.families().values())
    pairs = [(subject, [family]) for subject in comparison.subjects for family in families]
    if len(pairs) * len(measures) > MOST_PANELS:
        pairs = [(subject, families) for subject in comparison.subjects]
    chosen = [
        (*pair, measure, series)
        for measure in measures
        for pair in pairs
        if (series := _series(comparison, *pair, measure))
    ]
    if not chosen:
        return Omission(figure="cka", reason="CKA was not measured under a perturbation: evaluate with -m linear-cka")
    axes = {
        measure.name: _axis(measure.name, [series for _, _, one, series in chosen if one is measure])
        for measure in measures
    }
    return FigureSpec(
        id="cka",
        kind="cka",
        title="Similarity of each layer on clean and on perturbed inputs",
        caption=_caption(comparison, [families for _, families, _, _ in chosen], measures),
        panels=tuple(_panel(subject, families, series, axes[one.name]) for subject, families, one, series in chosen),
    )


def _measures(comparison: Comparison) -> list[Measure]:
    """Return what compares each layer with itself on clean inputs: linear CKA, and measures of `similarity`."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for metric in dict.fromkeys(metric for _, _, metric in comparison.metrics):
        whole, _, part = metric.partition("@")
        if whole in comparison.metrics_named(LINEAR):
            found.setdefault(("linear CKA", whole), {})[part] = metric
        elif whole in comparison.metrics_named(SIMILARITY) and not is_pair(metric) and not _has_reference(whole):
            name, _, layer = part.partition("/")
            found.setdefault((name, whole), {})[layer] = metric
    names = Counter(name for name, _ in found)
    short = short_names(dict.fromkeys(whole for _, whole in found))
    return [
        Measure(name=name if names[name] == 1 else f"{name} ({short[whole]})", layers=layers)
        for (name, whole), layers in found.items()
    ]


def _has_reference(whole: str) -> bool:
    return bool(split_canonical(whole)[1].get("reference", "").strip('"'))


def _axis(name: str, drawn: Iterable[Sequence[Series]]) -> Axis:
    points = [point for series in drawn for each in series for point in each.points]
    bounds = (-1.0, 1.0) if all(-1 <= point.y <= 1 for point in points) else None
    low, high = limits([end for p in points for end in (p.y, p.y_low, p.y_high)], bounds=bounds)
    return Axis(label=name, low=low, high=high)


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


def _series(
    comparison: Comparison, subject: Subject, families: Sequence[Family], measure: Measure
) -> tuple[Series, ...]:
    found = []
    for place, (layer, metric) in enumerate(measure.layers.items()):
        points = [_point(comparison, subject, families, metric, level) for level in _levels(families)]
        known = tuple(point for point in points if point is not None)
        if known:
            found.append(Series(name=layer, style=place, points=known))
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


def _caption(comparison: Comparison, families: Sequence[Sequence[Family]], measures: Sequence[Measure]) -> str:
    metrics = list(dict.fromkeys(metric.partition("@")[0] for each in measures for metric in each.layers.values()))
    shown_metrics = {metric for each in measures for metric in each.layers.values()}
    single = [each[0] for each in families if len(each) == 1]
    shown = [
        measured
        for (_, condition, metric), measured in comparison.metrics.items()
        if metric in shown_metrics and any(condition == one.text for family in single for one in family)
    ]
    intervals = (
        describe_intervals(comparison, shown, "Bands")
        if single
        else "Means over perturbations; no intervals are given."
    )
    linear = any(each.name.startswith("linear CKA") for each in measures)
    parts = [
        "Similarity between a layer's outputs on clean and on perturbed inputs of the same samples.",
        "Linear CKA (unbiased estimator, features averaged over positions): 1 is equal up to rotation and scale, and "
        "unrelated outputs may fall below 0."
        if linear
        else "",
        describe_data(comparison),
        intervals,
        describe_metrics(comparison, metrics),
    ]
    return " ".join(filter(None, parts))
