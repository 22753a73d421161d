"""The CKA figure: how similar each layer stays to itself when the inputs degrade, by CKA and other measures."""

from __future__ import annotations

from dataclasses import replace

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.figures.layer_curve import LayerFigure, LayerMeasure, layer_figure, tell_parameters
from robustkit.analysis.figures.similarity_matrix import METRIC, TOLD, is_pair, measure_name, reference_of
from robustkit.analysis.specs import FigureSpec, Omission

LINEAR = "linear-cka"

_FIGURE = LayerFigure(
    id="cka",
    title="Similarity of each layer on clean and on perturbed inputs",
    caption="Similarity between a layer's outputs on clean and on perturbed inputs of the same samples.",
    missing="CKA was not measured under a perturbation: evaluate with -m linear-cka",
    bounds=(-1.0, 1.0),
)
_OF_LINEAR = (
    "Linear CKA (unbiased estimator, features averaged over positions): 1 is equal up to rotation and scale, and "
    "unrelated outputs may fall below 0."
)


def cka_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return panels with similarity against severity, one line a layer: clean inputs to degraded ones of one model."""
    measures = _measures(comparison)
    linear = any(each.name == "linear CKA" for each in measures)
    figure = replace(_FIGURE, caption=f"{_FIGURE.caption} {_OF_LINEAR}") if linear else _FIGURE
    referred = _referred(comparison)
    if referred:
        said = (
            f"Similarity to another model layer by layer ({'; '.join(referred)}) is not drawn: the table of metrics "
            "with parts has it, and pairs=all has a heat map"
        )
        figure = replace(figure, caption=f"{figure.caption} {said}.", missing=f"{figure.missing}. {said}")
    return layer_figure(comparison, figure, measures)


def _referred(comparison: Comparison) -> list[str]:
    """Return the metrics that compare each layer with the one of its name of another model."""
    parts = [metric for _, _, metric in comparison.metrics if not is_pair(metric)]
    several = comparison.metrics_named(METRIC)
    named = dict.fromkeys(metric.partition("@")[0] for metric in parts)
    return [whole.rpartition("/")[2] for whole in named if whole in several and reference_of(whole)]


def _measures(comparison: Comparison) -> list[LayerMeasure]:
    """Return what compares each layer with itself on clean inputs: linear CKA, and measures of `similarity`."""
    linear, several = comparison.metrics_named(LINEAR), comparison.metrics_named(METRIC)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for metric in dict.fromkeys(metric for _, _, metric in comparison.metrics):
        whole, _, part = metric.partition("@")
        if whole in linear:
            found.setdefault(("linear CKA", whole), {})[part] = metric
        elif whole in several and not is_pair(metric) and not reference_of(whole):
            name, _, layer = part.partition("/")
            found.setdefault((name, whole), {})[layer] = metric
    return [
        LayerMeasure(name=measure_name(name), layers=layers, telling=tell_parameters(whole, TOLD))
        for (name, whole), layers in found.items()
    ]
