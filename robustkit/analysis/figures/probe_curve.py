"""The probe figure: what a linear classifier still reads off each layer when the inputs degrade."""

from __future__ import annotations

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.figures.layer_curve import LayerFigure, LayerMeasure, layer_figure, tell_parameters
from robustkit.analysis.specs import FigureSpec, Omission

_FIGURE = LayerFigure(
    id="probe",
    title="What linear probes read off each layer",
    caption="Accuracy of a linear classifier on a layer's features (averaged over positions), cross-fitted: over "
    "samples that it was not fitted to. Severity 0 is clean. By default, and with train=clean, it is fitted to "
    "features of clean inputs; with train=same to features of the inputs that it is asked about.",
    missing="layers were not probed under a perturbation: evaluate with -m linear-probe",
    bounds=(0.0, 1.0),
    unit="%",
    clean=True,
    chance=True,
)


def probe_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return panels with the accuracy of probes against severity, one line a layer."""
    return layer_figure(comparison, _FIGURE, list(_measures(comparison).values()))


def _measures(comparison: Comparison) -> dict[str, LayerMeasure]:
    """Return, by metric, the accuracies of its layers."""
    found: dict[str, dict[str, str]] = {whole: {} for whole in comparison.metrics_named("linear-probe")}
    for _, _, metric in comparison.metrics:
        whole, _, layer = metric.partition("@")
        if whole in found:
            found[whole][layer] = metric
    return {
        whole: LayerMeasure(
            name="probe accuracy", layers=layers, telling=tell_parameters(whole, ("layers",)), better="higher"
        )
        for whole, layers in found.items()
    }
