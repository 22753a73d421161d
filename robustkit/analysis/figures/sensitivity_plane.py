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
    "finite": "utility and sensitivity estimated from the same random noise on one feature at a time: "
    "they agree too well",
}
"""What a caption must say of estimators that are not exact."""

TITLED = ("basis", "target", "reference", "ablation", "layer", "estimator")
"""Parameters that tell panels apart in their titles, the first ones first; the others are in the caption."""

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
    """Return a short title for each metric: its name, and up to two parameters that tell it from others of this name.

    >>> list(panel_titles(["m/us", "m/us:basis=fourier,draws=8,layer=a", "m/us:basis=pixel,draws=8,layer=a"]).values())
    ['us', 'us, basis=fourier', 'us, basis=pixel']
    >>> list(panel_titles(["m/us:basis=fourier"]).values()), list(panel_titles(["m/us", "m/us:basis=fourier"]).values())
    (['us'], ['us', 'us, basis=fourier'])
    """
    titles = {}
    for metric in metrics:
        name, own = metric.partition(":")[0], _parameters(metric)
        others = [_parameters(other) for other in metrics if other.partition(":")[0] == name and other != metric]
        # Without parameters in its name, another one has the defaults: what these are is not known here.
        known = [other for other in others if other]
        telling = [key for key in TITLED if key in own and any(own[key] != other.get(key) for other in known)]
        if others and not known:
            telling = [key for key in TITLED if key in own]
        titles[metric] = ", ".join([name.rpartition("/")[2], *(f"{key}={own[key]}" for key in telling[:2])])
    return titles


def _parameters(metric: str) -> dict[str, str]:
    """Return the parameters of a metric that say something: empty texts and `none` stand for nothing."""
    items = (item.partition("=") for item in metric.partition(":")[2].split(",") if "=" in item)
    return {key: value for key, _, value in items if value not in ('""', '"none"')}


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
        f"{_estimators(comparison, metrics)}"
    )


def _estimators(comparison: Comparison, metrics: Sequence[str]) -> str:
    """Return what is to be said about how the metrics were estimated, after a blank; empty for exact ones."""
    said = ""
    for metric in metrics:
        specs = [measured.spec for subject in comparison.subjects for measured in _of(comparison, subject, metric)]
        used = {_estimator(spec) for spec in specs if spec} or {_parameters(metric).get("estimator", "")}
        for name in sorted(used & ESTIMATORS.keys()):
            said += f" {metric.partition(':')[0]} (estimator={name}): {ESTIMATORS[name]}."
    return said


def _estimator(spec: str) -> str:
    """Return the estimator that a specification names, which the metric may have chosen itself.

    >>> _estimator("contextual/s-low/basis=patch-4/sensitivity=hutchinson-64")
    'hutchinson'
    """
    return spec.partition("/sensitivity=")[2].partition("-")[0]
