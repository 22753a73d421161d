"""The trade-off figure: clean accuracy against accuracy under perturbations and under attack."""

from __future__ import annotations

from functools import partial

from robustkit.analysis.captions import describe_attacks, describe_data, describe_front, describe_intervals
from robustkit.analysis.comparison.comparison import CLEAN, MEAN, NO_ACCURACY, Comparison, Scope
from robustkit.analysis.comparison.conditions import by_family
from robustkit.analysis.figures.axes import share_axis
from robustkit.analysis.figures.plane import plane
from robustkit.analysis.specs import FigureSpec, Omission, Panel

AIR = 0.14
"""Room for the labels beside the markers."""


def tradeoff_figure(comparison: Comparison) -> FigureSpec | Omission:
    """Return one panel for the mean over perturbations and one for the strongest of each attack.

    Only what all models share is drawn. The Pareto front is that of the point estimates, both goals larger the better.
    """
    degraded = [comparison.scopes[scope] for scope in comparison.headline if scope != CLEAN]
    panels = [panel for scope in degraded if (panel := _panel(comparison, scope)) is not None]
    if not panels:
        return Omission(figure="tradeoff", reason=_why_not(comparison))
    return FigureSpec(
        id="tradeoff",
        kind="tradeoff",
        title="Trade-off between clean accuracy and accuracy under degradation",
        caption=_caption(comparison, degraded, panels),
        panels=tuple(panels),
    )


def _why_not(comparison: Comparison) -> str:
    if not {condition.kind for condition in comparison.conditions.values()} - {"clean"}:
        return "there is no perturbation and no attack to draw: evaluate with -p or -a"
    if not comparison.has_accuracy:
        return NO_ACCURACY
    if not any(comparison.of(subject, CLEAN).value is not None for subject in comparison.subjects):
        return "there is no clean accuracy"
    return "no perturbation and no attack was measured for all models"


def _panel(comparison: Comparison, scope: Scope) -> Panel | None:
    shown = [
        (subject, comparison.of(subject, CLEAN), comparison.of(subject, scope.id)) for subject in comparison.subjects
    ]
    what = "accuracy, attacked" if scope.kind == "condition" else "accuracy, perturbed"
    x_axis, y_axis = (partial(share_axis, label, air=AIR) for label in ("clean accuracy", what))
    return plane(_title(comparison, scope), shown, x_axis, y_axis, condition=comparison.full(scope))


def _title(comparison: Comparison, scope: Scope) -> str:
    if scope.kind == "condition":
        condition = comparison.conditions[scope.id]
        named = condition.kind == "attack" and condition.norm
        return f"{scope.title} ({condition.norm})" if named else scope.title
    return f"mean of {len(scope.conditions)} perturbation conditions" if len(scope.conditions) > 1 else scope.title


def _caption(comparison: Comparison, scopes: list[Scope], panels: list[Panel]) -> str:
    shown = [comparison.of(subject, scope) for subject in comparison.subjects for scope in comparison.headline]
    parts = [f"Clean accuracy against accuracy under degradation. {describe_data(comparison)}"]
    for scope in scopes:
        if scope.id == MEAN:
            parts.append(f"Perturbed: mean over {by_family(comparison.conditions[each] for each in scope.conditions)}.")
    attacks = [scope.id for scope in scopes if scope.kind == "condition"]
    parts += describe_attacks(comparison, attacks)
    parts.append(describe_intervals(comparison, shown, "Crosses"))
    if any(subject.is_group for subject in comparison.subjects):
        parts.append("Small dots are single training seeds.")
    return " ".join([*parts, *describe_front(panels)])
