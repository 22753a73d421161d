"""The probe figure: what a linear classifier still reads off each layer when the inputs degrade."""

from __future__ import annotations

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.figures.layer_curve import LayerCurve, layer_figure
from robustkit.analysis.specs import FigureSpec, Omission

_CURVE = LayerCurve(
    metric="linear-probe",
    id="probe",
    title="What linear probes read off each layer",
    label="probe accuracy",
    caption="Accuracy of a linear classifier on a layer's features (averaged over positions), cross-fitted: over "
    "samples that it was not fitted to. Severity 0 is clean. By default, and with train=clean, it is fitted to "
    "features of clean inputs; with train=same to features of the inputs that it is asked about.",
    missing="layers were not probed under a perturbation: evaluate with -m linear-probe",
    bounds=(0.0, 1.0),
    unit="%",
    better="higher",
    clean=True,
    telling=("train", "l2"),
)


def probe_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return panels with the accuracy of probes against severity, one line a layer."""
    return layer_figure(comparison, _CURVE)
