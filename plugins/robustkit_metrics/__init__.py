"""Metrics that follow from the per-sample records alone."""

from __future__ import annotations

import robustkit
from robustkit_metrics.params import EceParams

robustkit_api = 1


@robustkit.hookimpl
def robustkit_metrics() -> list[robustkit.Metric]:
    """Return the plugin's metrics."""
    return [
        robustkit.Metric(
            name="accuracy",
            summary="share of samples whose prediction is the label",
            target="robustkit_metrics.accuracy:Accuracy",
            higher_is_better=True,
            bounds=(0.0, 1.0),
            default=True,
            tags=("utility",),
        ),
        robustkit.Metric(
            name="nll",
            summary="mean negative log-likelihood of the label, in nats",
            target="robustkit_metrics.nll:Nll",
            higher_is_better=False,
            bounds=(0.0, None),
            default=True,
            tags=("calibration",),
        ),
        robustkit.Metric(
            name="brier",
            summary="mean Brier score, summed over classes (0 to 2)",
            target="robustkit_metrics.brier:Brier",
            higher_is_better=False,
            bounds=(0.0, 2.0),
            default=True,
            tags=("calibration",),
            citation="Brier (1950), Verification of forecasts expressed in terms of probability",
        ),
        robustkit.Metric(
            name="ece",
            summary="expected calibration error of the top label, equal-width bins",
            target="robustkit_metrics.ece:Ece",
            params=EceParams,
            higher_is_better=False,
            bounds=(0.0, 1.0),
            default=True,
            tags=("calibration",),
            citation="Guo et al. (2017), On calibration of modern neural networks, section 2",
        ),
    ]
