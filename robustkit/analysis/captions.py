"""What a caption must say: data, n, how the intervals were made, what the numbers do not cover."""

from __future__ import annotations

from collections.abc import Iterable

from robustkit.analysis.comparison.comparison import Comparison, Measured
from robustkit.analysis.comparison.conditions import WORST_CASE
from robustkit.analysis.specs import Panel
from robustkit.analysis.statistics.resample import RESAMPLES, SEED

UPPER_BOUND = (
    "Accuracy under an attack is an upper bound of robust accuracy: a stronger or an adaptive attack may find more."
)

_WORST_CASE = (
    "Worst case: the share of samples that are right, and that none of the attacks with the same norm and an eps up to "
    "the same changes, under no seed."
)

_FRONT = (
    "The line is the Pareto front of the point estimates. Hollow markers are dominated, but their intervals reach the "
    "front, so they are not separable from it; pale markers are dominated."
)

CUT = "cut off at the ends of the scale"

_METHODS = {
    "wilson": "Wilson's for a single condition",
    "bootstrap": f"percentile bootstrap over samples ({RESAMPLES:,} resamples, seed {SEED}, the same resampled samples "
    "for all conditions and models) for means over conditions or seeds",
    "student-t": f"Student's t over samples for means of one number a sample, {CUT}",
    "student-t of logarithms": "Student's t over samples of the logarithms for geometric means",
    "jackknife-chunks": f"Student's t by a jackknife over chunks of samples, {CUT}",
    "wilson-simultaneous": "Wilson's for all groups at once (Sidak's level) for the worst of them",
    "mover": "joined from Wilson's intervals of the groups for means and gaps over groups",
    "normal": "normal, from the standard error in large samples, for kappa",
    "metric-bootstrap": "the metric's own bootstrap over samples",
}


def describe_data(comparison: Comparison) -> str:
    """Return which samples the numbers rest on, and what is to be said about the models."""
    return " ".join([f"{comparison.dataset}, n = {comparison.samples:,} samples.", *comparison.caveats])


def describe_attacks(comparison: Comparison, conditions: Iterable[str]) -> list[str]:
    """Return which attacks are behind conditions, and what their numbers are; nothing where there are none.

    Args:
        comparison: what was measured.
        conditions: canonical strings of attacks and of worst cases, whose attacks are named.
    """
    shown = list(conditions)
    over = {text: worst.over for (_, text), worst in comparison.worst_cases.items()}
    attacks = dict.fromkeys(attack for text in shown for attack in over.get(text, (text,)))
    return [f"Attacks: {'; '.join(attacks)}. {UPPER_BOUND}", *describe_worst_case(shown)] if attacks else []


def describe_worst_case(conditions: Iterable[str]) -> list[str]:
    """Return what a worst case is; nothing where none of the conditions is one."""
    return [_WORST_CASE] if any(each.startswith(WORST_CASE) for each in conditions) else []


def describe_front(panels: Iterable[Panel]) -> list[str]:
    """Return what the line and the markers' filling mean; nothing where no panel has a front."""
    return [_FRONT] if any(panel.front for panel in panels) else []


def describe_intervals(comparison: Comparison, measured: Iterable[Measured], shape: str = "Intervals") -> str:
    """Return how the intervals of the given numbers were made.

    Args:
        comparison: whose groups are named with their number of training seeds.
        measured: what is shown.
        shape: what shows the intervals, in the plural: crosses, bands …
    """
    every = list(measured)
    known = [each for each in every if each.low is not None or each.high is not None]
    methods = {each.method for each in known if each.over != "seeds"}
    parts = [text for method, text in _METHODS.items() if method in methods]
    parts += [_over_seeds(comparison)] if any(each.over == "seeds" for each in known) else []
    other = sorted(methods - {*_METHODS, ""})
    parts += [f"as the metric declares ({', '.join(other)}), {CUT}"] if other else []
    without = _agreeing(every)
    if not parts:
        return f"No intervals are defined here.{without}"
    covers = " Intervals over samples do not cover training: a model alone was trained once." if methods else ""
    return f"{shape} are 95 % intervals: {'; '.join(parts)}.{without}{covers}"


def _agreeing(every: Iterable[Measured]) -> str:
    """Return what is said about groups whose seeds agree exactly, after a blank; empty where there is none."""
    same = " Where all training seeds of a group gave the same value, "
    groups = [each for each in every if each.replicates]
    texts = [f"{same}no interval is given."] if any(each.level for each in groups) else []
    if any(each.over == "samples" for each in groups):
        texts.append(f"{same}the interval is that over samples instead, the widest of its seeds.")
    return "".join(texts)


def _over_seeds(comparison: Comparison) -> str:
    groups = ", ".join(f"{each.name}: {len(each.models)}" for each in comparison.subjects if each.is_group)
    return (
        f"Student's t over training seeds, {CUT}, for groups ({groups}); these do not "
        "cover the choice of samples, and with so few seeds they are wide"
    )


def describe_metrics(comparison: Comparison, metrics: Iterable[str]) -> str:
    """Return which metrics are shown, with what each says about itself."""
    said = [
        f"{metric} ({caveat})" if (caveat := comparison.metric_caveats.get(metric)) else metric for metric in metrics
    ]
    return f"Metric: {'; '.join(said)}."
