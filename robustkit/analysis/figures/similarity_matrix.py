"""The figure of all pairs of layers: how similar each is to each, as a heat map."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from robustkit.analysis.captions import describe_data, describe_metrics
from robustkit.analysis.comparison.comparison import Comparison, Measured
from robustkit.analysis.comparison.conditions import split_canonical
from robustkit.analysis.figures.layer_curve import MOST_PANELS, tell_parameters
from robustkit.analysis.specs import Axis, FigureSpec, Omission, Panel, Point, Series

METRIC = "similarity"
KIND = "layers"

TOLD = ("measure", "layers", "reference-layers", "against", "pairs", "reference")
"""Parameters that the axes and their names tell."""

_DISTANCES = ("procrustes-angle", "procrustes-d2", "gulp")
"""Measures that are 0 for equal features, and larger the less similar they are."""

Pairs = Mapping[tuple[str, str], tuple[str, Measured]]
"""By two layers, the metric's name with its part, and what was measured."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What one panel shows: all pairs of layers of one model under one condition, by one measure."""

    subject: str
    condition: str
    metric: str
    measure: str
    pairs: Pairs


def measure_name(measure: str) -> str:
    """Return the name of a measure for an axis: of a distance, that it is one.

    >>> measure_name("cka"), measure_name("gulp")
    ('cka', 'gulp (distance)')
    """
    return f"{measure} (distance)" if measure in _DISTANCES else measure


def reference_of(whole: str) -> str:
    """Return the second model that a metric compares with, or nothing.

    >>> reference_of('metrics/similarity:reference="a,b"'), reference_of("metrics/similarity")
    ('a,b', '')
    """
    return split_canonical(whole)[1].get("reference", "").strip('"')


def is_pair(metric: str) -> bool:
    """Return whether a metric's part is the similarity of two layers.

    >>> is_pair("metrics/similarity:pairs=all@cka/a~b"), is_pair("metrics/linear-cka@conv1")
    (True, False)
    """
    whole, _, part = metric.partition("@")
    return _bare(whole) == METRIC and "~" in part.partition("/")[2]


def layers_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return one panel for each model, condition and measure for which all pairs of layers were compared.

    Where they are many, the first ones are drawn.
    """
    found = list(_matrices(comparison))
    if not found:
        reason = "all pairs of layers were not compared: evaluate with -m similarity:against=layers, or pairs=all"
        return Omission(figure=KIND, reason=reason)
    drawn = found[:MOST_PANELS]
    titles = _titles(comparison, drawn)
    scales = {measure: _scale(measure, drawn) for measure in dict.fromkeys(each.measure for each in drawn)}
    return FigureSpec(
        id="layers",
        kind=KIND,
        title="Similarity of all pairs of layers",
        caption=_caption(comparison, drawn, len(found) - len(drawn)),
        panels=tuple(
            _panel(comparison, each, title, scales[each.measure]) for each, title in zip(drawn, titles, strict=True)
        ),
    )


def _titles(comparison: Comparison, drawn: list[Matrix]) -> list[str]:
    """Return a title for each panel, with what its axes tell where titles would be the same."""
    short = [_title(comparison, each, TOLD) for each in drawn]
    return [
        _title(comparison, each, ("measure", "layers", "reference-layers")) if short.count(title) > 1 else title
        for each, title in zip(drawn, short, strict=True)
    ]


def _title(comparison: Comparison, matrix: Matrix, but: Collection[str]) -> str:
    about = f"{matrix.subject}: {comparison.conditions[matrix.condition].name}"
    return ", ".join([about, measure_name(matrix.measure), *tell_parameters(matrix.metric, but)])


def _matrices(comparison: Comparison) -> Iterator[Matrix]:
    together: dict[tuple[str, str, str, str], dict[tuple[str, str], tuple[str, Measured]]] = {}
    models = {each.name: each.models for each in comparison.subjects}
    for (subject, condition, metric), measured in comparison.metrics.items():
        whole, _, part = metric.partition("@")
        # The reference has itself as its reference, too.
        if is_pair(metric) and models[subject] != (reference_of(whole),):
            measure, _, layers = part.partition("/")
            first, _, second = layers.partition("~")
            pairs = together.setdefault((subject, condition, whole, measure), {})
            pairs[first, second] = (metric, measured)
    for (subject, condition, metric, measure), pairs in together.items():
        yield Matrix(subject=subject, condition=condition, metric=metric, measure=measure, pairs=_mirrored(pairs))


def _mirrored(pairs: Pairs) -> Pairs:
    """Return the pairs with those whose other half alone is there, as of a measure that needs no order."""
    missing = {(second, first): found for (first, second), found in pairs.items() if (second, first) not in pairs}
    once = all((layer, layer) in pairs for pair in pairs for layer in pair)
    return {**pairs, **missing} if once else pairs


def _panel(comparison: Comparison, matrix: Matrix, title: str, scale: Axis) -> Panel:
    rows, columns = (tuple(dict.fromkeys(pair[side] for pair in matrix.pairs)) for side in (0, 1))
    first, second = _sides(matrix.metric, comparison.conditions[matrix.condition].kind)
    return Panel(
        title=title,
        kind="heatmap",
        x=Axis(label=second, low=-0.5, high=len(columns) - 0.5, names=columns),
        y=Axis(label=first, low=-0.5, high=len(rows) - 0.5, names=rows),
        value=scale,
        series=tuple(
            Series(name=row, style=place, points=_points(matrix, row, place, columns)) for place, row in enumerate(rows)
        ),
        condition=f"{matrix.metric} under {matrix.condition}",
    )


def _points(matrix: Matrix, row: str, place: int, columns: tuple[str, ...]) -> tuple[Point, ...]:
    found = []
    for x, column in enumerate(columns):
        metric, measured = matrix.pairs.get((row, column), ("", Measured(value=None)))
        chance = f"chance {measured.chance:.3g}" if measured.chance is not None else ""
        doubt = "unreliable" if measured.unreliable else ""
        label = "; ".join(filter(None, [metric.partition("@")[2], chance, doubt]))
        found.append(
            Point(
                x=float(x),
                y=float(place),
                value=measured.value,
                label=label,
                n=measured.n or None,
                doubtful=measured.unreliable,
            )
        )
    return tuple(found)


def _sides(metric: str, kind: str) -> tuple[str, str]:
    """Return what the rows and the columns are."""
    reference = reference_of(metric.partition("@")[0])
    if reference:
        return "layer", f"layer of {reference}"
    if split_canonical(metric)[1].get("against") == "layers":
        return "layer", "layer"
    return f"layer, {'attacked' if kind == 'attack' else 'clean' if kind == 'clean' else 'perturbed'}", "layer, clean"


def _scale(measure: str, drawn: list[Matrix]) -> Axis:
    """Return the ends of a measure's colours, the same in all of its panels: from 0 to 1 for what lies there."""
    values = [
        found.value
        for matrix in drawn
        if matrix.measure == measure
        for _, found in matrix.pairs.values()
        if found.value is not None
    ]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return Axis(label=measure, low=min(low, 0.0), high=high if high > 1 + 1e-6 else 1.0)


def _caption(comparison: Comparison, drawn: list[Matrix], more: int) -> str:
    metrics = list(dict.fromkeys(each.metric for each in drawn))
    doubtful = any(measured.unreliable for each in drawn for _, measured in each.pairs.values())
    parts = [
        f"Similarity of each layer, from bottom to top, to each, from left to right. {describe_data(comparison)}",
        "Values below 0 are possible where an estimate is unbiased; nothing is cut off.",
        "In parentheses: unreliable, the notes say why." if doubtful else "",
        f"{more} more are in results.csv." if more else "",
        describe_metrics(comparison, metrics),
    ]
    return " ".join(filter(None, parts))


def _bare(metric: str) -> str:
    return metric.partition(":")[0].rpartition("/")[2]
