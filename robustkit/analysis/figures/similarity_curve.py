"""The CKA figure: how similar each layer stays to itself when the inputs degrade."""

from __future__ import annotations

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.figures.layer_curve import LayerCurve, layer_figure
from robustkit.analysis.specs import FigureSpec, Omission

_CURVE = LayerCurve(
    metric="linear-cka",
    id="cka",
    title="Similarity of each layer on clean and on perturbed inputs",
    label="linear CKA",
    caption="Linear CKA (unbiased estimator, features averaged over positions) between a layer's outputs on clean and "
    "on perturbed inputs of the same samples; 1 is equal up to rotation and scale, and unrelated outputs may fall "
    "below 0.",
    missing="CKA was not measured under a perturbation: evaluate with -m linear-cka",
    bounds=(-1.0, 1.0),
    telling=("channels",),
)


def cka_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return panels with CKA against severity, one line a layer: clean inputs to degraded inputs of one model."""
    return layer_figure(comparison, _CURVE)
