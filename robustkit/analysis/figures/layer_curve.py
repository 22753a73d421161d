"""A number of each layer against severity: what the figures of similarity and of probes are drawn by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from robustkit.analysis.captions import describe_data, describe_intervals, describe_metrics
from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured, Subject
from robustkit.analysis.comparison.conditions import Condition, split_canonical
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.specs import Axis, Better, FigureSpec, Omission, Panel, Point, Series

MOST_PANELS = 8
"""With more pairs of model and perturbation, each model gets one panel with the mean over perturbations."""

Family = list[Condition]


@dataclass(frozen=True, kw_only=True)
class LayerMeasure:
    """One number a layer.

    Attributes:
        name: for the vertical axis, which all measures of this name share.
        layers: by layer, the metric with its part.
        telling: what panel titles say of it beside its name.
        better: which end of the scale is the goal.
    """

    name: str
    layers: Mapping[str, str]
    telling: tuple[str, ...] = ()
    better: Better = ""


@dataclass(frozen=True, kw_only=True)
class LayerFigure:
    """How it is drawn.

    Attributes:
        id: of the figure.
        title: of the figure.
        caption: what the numbers are.
        missing: why there is no figure, where there are no numbers.
        bounds: the ends of the scale, of numbers that lie between them.
        unit: how numbers are printed.
        clean: whether there are numbers of clean inputs, at severity 0.
        chance: whether what chance alone gives is drawn.
    """

    id: str
    title: str
    caption: str
    missing: str
    bounds: tuple[float, float]
    unit: Literal["", "%"] = ""
    clean: bool = False
    chance: bool = False


@dataclass(frozen=True, kw_only=True)
class _Content:
    """What one panel shows: a measure of a subject under some families of conditions, at the levels they share."""

    measure: LayerMeasure
    subject: Subject
    families: Sequence[Family]
    levels: tuple[float, ...]


def layer_figure(
    comparison: Comparison, figure: LayerFigure, measures: Sequence[LayerMeasure]
) -> FigureSpec | Omission:
    """Return panels with the numbers against severity, one line a layer, the same line in all panels."""
    styles = {layer: place for place, layer in enumerate(dict.fromkeys(name for m in measures for name in m.layers))}
    chosen = [
        (content, series)
        for content in _contents(comparison, figure, measures)
        if (series := _series(comparison, figure, content, styles))
    ]
    if not chosen:
        return Omission(figure=figure.id, reason=figure.missing)
    axes = {
        name: _axis(figure, measure, [series for content, series in chosen if content.measure.name == name])
        for name, measure in {content.measure.name: content.measure for content, _ in chosen}.items()
    }
    return FigureSpec(
        id=figure.id,
        kind=figure.id,
        title=figure.title,
        caption=_caption(comparison, figure, chosen),
        panels=tuple(_panel(content, series, axes[content.measure.name]) for content, series in chosen),
    )


def tell_parameters(metric: str, but: Collection[str] = ()) -> tuple[str, ...]:
    """Return the parameters in a metric's name, which are those not at their defaults, as titles say them.

    Args:
        metric: as the run calls it.
        but: parameters that are told elsewhere.

    >>> tell_parameters("metrics/linear-probe:layers=conv1,train=same", ("layers",))
    ('train same',)
    """
    return tuple(f"{key} {value}" for key, value in split_canonical(metric)[1].items() if key not in but)


def _contents(comparison: Comparison, figure: LayerFigure, measures: Sequence[LayerMeasure]) -> list[_Content]:
    families = list(comparison.families().values())
    each = [(m, s) for m in measures for s in comparison.subjects] if families else []
    apart = len(each) * len(families) <= MOST_PANELS
    together = [[family] for family in families] if apart else [families]
    return [
        _Content(measure=measure, subject=subject, families=shown, levels=_levels(shown, clean=figure.clean))
        for measure, subject in each
        for shown in together
    ]


def _levels(families: Sequence[Family], *, clean: bool) -> tuple[float, ...]:
    """Return the severities that all perturbations have."""
    shared = set.intersection(*({each.strength for each in family} for family in families))
    return tuple(sorted(shared | ({0.0} if clean else set())))


def _axis(figure: LayerFigure, measure: LayerMeasure, drawn: Iterable[Sequence[Series]]) -> Axis:
    points = [point for series in drawn for each in series for point in each.points]
    inside = all(figure.bounds[0] <= point.y <= figure.bounds[1] for point in points)
    ends = [end for point in points for end in (point.y, point.y_low, point.y_high, point.chance)]
    low, high = limits(ends, bounds=figure.bounds if inside else None)
    return Axis(label=measure.name, low=low, high=high, unit=figure.unit, better=measure.better)


def _panel(content: _Content, series: tuple[Series, ...], y: Axis) -> Panel:
    families = content.families
    low, high = limits(content.levels, air=0.05)
    over = families[0][0].family_name if len(families) == 1 else f"mean of {len(families)} perturbations"
    return Panel(
        title=", ".join([f"{content.subject.name}: {over}", *content.measure.telling]),
        kind="line",
        x=Axis(label="severity", low=low, high=high, ticks=content.levels),
        y=y,
        series=series,
        condition=" + ".join(family[0].family for family in families),
    )


def _series(
    comparison: Comparison, figure: LayerFigure, content: _Content, styles: Mapping[str, int]
) -> tuple[Series, ...]:
    found = []
    for layer, metric in content.measure.layers.items():
        points = [_point(comparison, figure, content, metric, level) for level in content.levels]
        known = tuple(point for point in points if point is not None)
        if any(point.x > 0 for point in known):
            found.append(Series(name=layer, style=styles[layer], points=known))
    return tuple(found)


def _point(comparison: Comparison, figure: LayerFigure, content: _Content, metric: str, level: float) -> Point | None:
    conditions = [each.text for family in content.families for each in family if each.strength == level] or [CLEAN]
    measured = [comparison.metric(content.subject, text, metric) for text in conditions]
    values = [each.value for each in measured if each.value is not None]
    if len(values) < len(measured):
        return None
    # A mean over perturbations rests on the same samples throughout, so the single intervals do not add up.
    only = measured[0] if len(measured) == 1 else Measured(value=None)
    chances = [each.chance for each in measured if each.chance is not None]
    chance = float(np.mean(chances)) if figure.chance and len(chances) == len(measured) else None
    doubtful = any(each.unreliable for each in measured)
    said = [f"chance {chance:.3g}"] if chance is not None else []
    said += ["unreliable"] if doubtful else []
    return Point(
        x=level,
        y=float(np.mean(values)),
        y_low=only.low,
        y_high=only.high,
        label="; ".join([f"{metric} under {' + '.join(conditions)}", *said]),
        n=measured[0].n,
        doubtful=doubtful,
        chance=chance,
    )


def _caption(comparison: Comparison, figure: LayerFigure, drawn: Sequence[tuple[_Content, tuple[Series, ...]]]) -> str:
    contents = [content for content, _ in drawn]
    points = [point for _, series in drawn for each in series for point in each.points]
    metrics = {metric for content in contents for metric in content.measure.layers.values()}
    single = [content.families[0] for content in contents if len(content.families) == 1]
    shown = [
        measured
        for (_, condition, metric), measured in comparison.metrics.items()
        if metric in metrics and any(condition == one.text for family in single for one in family)
    ]
    intervals = (
        describe_intervals(comparison, shown, "Bands")
        if single
        else "Means over perturbations; no intervals are given."
    )
    named = dict.fromkeys(m.partition("@")[0] for content in contents for m in content.measure.layers.values())
    parts = [figure.caption]
    parts += ["Thin dotted lines: what chance alone gives."] if any(p.chance is not None for p in points) else []
    parts += ["Hollow markers: unreliable, the notes say why."] if any(point.doubtful for point in points) else []
    return " ".join([*parts, describe_data(comparison), intervals, describe_metrics(comparison, named)])
