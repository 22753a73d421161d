"""What was computed, in one canonical string, and what is said about the error of an estimator."""

from __future__ import annotations

import numpy as np

import robustkit
from robustkit_metrics.contextual.measuring import ESTIMATORS
from robustkit_metrics.contextual.params import (
    FeatureParams,
    SensitivityParams,
    UtilityParams,
    UtilitySensitivityParams,
)

LEAST_RELIABILITY = 0.8
"""Ranks of sensitivity that agree less with those of other draws than this are not to be relied on; our choice."""


def spec_of(params: FeatureParams, columns: robustkit.State) -> str:
    """Return what was computed, without the part: the features, and what utility and sensitivity are.

    Args:
        params: of the metric.
        columns: of its state; the estimator that was chosen is in it.
    """
    size = {"fourier": f"-{params.bands}", "patch": f"-{params.patch}", "superpixel": f"-{params.patch}"}
    said = [f"basis={params.basis}{size.get(params.basis, '')}"]
    chosen = ESTIMATORS[int(columns["about estimator"][0])] if "about estimator" in columns else ""
    if isinstance(params, UtilityParams):
        said.append(f"utility={_utility(params, chosen)}")
    if isinstance(params, SensitivityParams | UtilitySensitivityParams):
        said += [f"representation={params.layer or 'logits'}", f"sensitivity={_sensitivity(params, chosen)}"]
    return "".join(f"/{each}" for each in said)


def error_note(columns: robustkit.State) -> str:
    """Return what is to be said of the estimator's own error; empty where sensitivity is exact."""
    if "about error" not in columns:
        return ""
    error = float(np.nanmean(columns["about error"])) if np.isfinite(columns["about error"]).any() else 0.0
    return (
        f"sensitivity is estimated from random draws: the relative standard error of a feature's is {error:.2g}, "
        "beside the interval, which is over samples"
    )


def reliability_of(columns: robustkit.State) -> float | None:
    """Return how reliable the ranks of sensitivity are with all draws; None where they are exact or undefined."""
    name = "about reliability of sensitivity"
    if name not in columns or not np.isfinite(columns[name]).any():
        return None
    return whole_reliability(float(np.nanmean(columns[name])))


def whole_reliability(half: float) -> float:
    """Return the reliability of all draws from the correlation of both halves: Spearman (1910) and Brown (1910).

    >>> whole_reliability(0.5), whole_reliability(-0.2)
    (0.6666666666666666, 0.0)
    """
    return 2 * half / (1 + half) if half > 0 else 0.0


def _utility(params: UtilityParams, chosen: str) -> str:
    how = f"ablation-{params.ablation}" if params.ablation != "none" else "noise" if chosen == "finite" else "gradient"
    return f"{how}-of-{params.target}-by-{params.reference or 'itself'}"


def _sensitivity(params: SensitivityParams | UtilitySensitivityParams, chosen: str) -> str:
    draws = f"-{params.draws}" if chosen in ("hutchinson", "finite") else ""
    return f"{chosen}{draws}" + (f"-std-{params.std:g}" if chosen == "finite" else "")
