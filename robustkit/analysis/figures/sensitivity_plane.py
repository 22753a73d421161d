"""The sensitivity figure: how much a representation follows what does not matter, and what does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robustkit.analysis.captions import describe_data, describe_front, describe_intervals, describe_metrics
from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured, Subject
from robustkit.analysis.figures.axes import limits
from robustkit.analysis.figures.plane import plane
from robustkit.analysis.figures.tradeoff import AIR
from robustkit.analysis.specs import Axis, FigureSpec, Omission, Panel

METRICS = ("utility-sensitivity", "token-utility-sensitivity")
"""Names of the metrics whose parts `s-low` and `s-high` span the plane."""

ESTIMATORS = {
    "hutchinson": "sensitivity estimated by random projections: biased low, ranks attenuated",
    "auto": "sensitivity exact where that takes no more passes than draws, else estimated by random projections",
    "finite": "utility and sensitivity estimated from the same random noise on one feature at a time: "
    "they agree too well",
}
"""What a caption must say of estimators that are not exact."""

LOW, HIGH = "s-low", "s-high"


def sensitivity_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return one panel for each sensitivity metric of the run.

    x: mean sensitivity to the half of the features with the least utility, smaller is more robust. y: to the half with
    the most, larger is more sensitive to what matters.
    """
    metrics = comparison.metrics_named(*METRICS)
    titles = panel_titles(metrics)
    panels = [panel for metric in metrics if (panel := _panel(comparison, metric, titles[metric])) is not None]
    if not panels:
        reason = "sensitivity was not measured: evaluate with -m utility-sensitivity (texts: token-utility-sensitivity)"
        return Omission(figure="sensitivity", reason=reason)
    return FigureSpec(
        id="sensitivity",
        kind="sensitivity",
        title="Robustness and sensitivity of the representation",
        caption=_caption(comparison, metrics, panels),
        panels=tuple(panels),
    )


def panel_titles(metrics: Sequence[str]) -> dict[str, str]:
    """Return a short title for each metric: its name, and the parameters that tell it from others of this name.

    >>> list(panel_titles(["m/us:basis=patch,draws=8", "m/us:basis=fourier,draws=8", "m/other:draws=8"]).values())
    ['us, basis=patch', 'us, basis=fourier', 'other']
    """
    titles = {}
    for metric in metrics:
        name, _, given = metric.partition(":")
        others = [other.partition(":")[2].split(",") for other in metrics if other.partition(":")[0] == name]
        own = [each for each in given.split(",") if not all(each in other for other in others)]
        titles[metric] = ", ".join([name.rpartition("/")[2], *own])
    return titles


def _panel(comparison: Comparison, metric: str, title: str) -> Panel | None:
    shown = [(subject, *_of(comparison, subject, metric)) for subject in comparison.subjects]
    return plane(title, shown, _x_axis, _y_axis, condition=metric)


def _of(comparison: Comparison, subject: Subject, metric: str) -> tuple[Measured, Measured]:
    low, high = (comparison.metric(subject, CLEAN, f"{metric}@{part}") for part in (LOW, HIGH))
    return low, high


def _x_axis(values: Sequence[float | None]) -> Axis:
    low, high = limits(values, bounds=(0.0, np.inf), air=AIR, least=1e-6)
    return Axis(label="sensitivity, low utility", low=low, high=high, better="lower")


def _y_axis(values: Sequence[float | None]) -> Axis:
    low, high = limits(values, bounds=(0.0, np.inf), air=AIR, least=1e-6)
    return Axis(label="sensitivity, high utility", low=low, high=high, better="higher")


def _caption(comparison: Comparison, metrics: Sequence[str], panels: Sequence[Panel]) -> str:
    shown = [each for subject in comparison.subjects for metric in metrics for each in _of(comparison, subject, metric)]
    front = "".join(f"{text} " for text in describe_front(panels))
    return (
        "Sensitivity of the representation to features of low utility (smaller is more robust) and of high utility "
        f"(larger follows more of what matters), on clean inputs. {describe_data(comparison)} "
        f"{describe_intervals(comparison, shown, 'Crosses')} {front}{describe_metrics(comparison, metrics)}"
        f"{_estimators(metrics)}"
    )


def _estimators(metrics: Sequence[str]) -> str:
    """Return what is to be said about how the metrics were estimated, after a blank; empty for exact ones."""
    said = [
        f" {metric.partition(':')[0]} ({parameter}): {text}."
        for metric in metrics
        for name, text in ESTIMATORS.items()
        if (parameter := f"estimator={name}") in metric.partition(":")[2].split(",")
    ]
    return "".join(said)
