"""The CKA figure: how similar each layer stays to itself when the inputs degrade, by CKA and other measures."""

from __future__ import annotations

from dataclasses import replace

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.comparison.conditions import split_canonical
from robustkit.analysis.figures.layer_curve import LayerFigure, LayerMeasure, layer_figure, tell_parameters
from robustkit.analysis.figures.similarity_matrix import METRIC, TOLD, is_pair
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
    return layer_figure(comparison, figure, measures)


def _measures(comparison: Comparison) -> list[LayerMeasure]:
    """Return what compares each layer with itself on clean inputs: linear CKA, and measures of `similarity`."""
    linear, several = comparison.metrics_named(LINEAR), comparison.metrics_named(METRIC)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for metric in dict.fromkeys(metric for _, _, metric in comparison.metrics):
        whole, _, part = metric.partition("@")
        if whole in linear:
            found.setdefault(("linear CKA", whole), {})[part] = metric
        elif whole in several and not is_pair(metric) and not _has_reference(whole):
            name, _, layer = part.partition("/")
            found.setdefault((name, whole), {})[layer] = metric
    return [
        LayerMeasure(name=name, layers=layers, telling=tell_parameters(whole, TOLD))
        for (name, whole), layers in found.items()
    ]


def _has_reference(whole: str) -> bool:
    return bool(split_canonical(whole)[1].get("reference", "").strip('"'))
