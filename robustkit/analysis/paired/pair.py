"""Two sides compared: what they share, what they do not, and every difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustkit.analysis.comparison.comparison import Scope
from robustkit.analysis.comparison.conditions import WORST_CASE, Condition, by_family, describe_conditions
from robustkit.analysis.comparison.measure import run_differences
from robustkit.analysis.comparison.runs import ACCURACY, malformed
from robustkit.analysis.comparison.scopes import find_scopes, share_conditions
from robustkit.analysis.comparison.worst_case import add_worst_cases
from robustkit.analysis.paired.accuracy import Results, accuracy_lines
from robustkit.analysis.paired.line import Line
from robustkit.analysis.paired.metrics import metric_lines
from robustkit.analysis.paired.remarks import remarks
from robustkit.analysis.paired.samples import Aligned, align
from robustkit.analysis.paired.sides import Side, open_sides
from robustkit.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two sides and their differences, second minus first.

    Attributes:
        first: the side that is compared with.
        second: the side that is compared.
        dataset: its name in the first run.
        fingerprint: of the data.
        samples: how many both have.
        evaluated: how many each has.
        seeds: how many training seeds each side has.
        lines: differences of accuracy, one family of hypotheses.
        metrics: differences of other metrics.
        missing: conditions of the first side that could not be compared.
        notes: what the reader should know.
    """

    first: Side
    second: Side
    dataset: str
    fingerprint: str
    samples: int
    evaluated: tuple[int, int]
    seeds: tuple[int, int]
    lines: tuple[Line, ...]
    metrics: tuple[Line, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def compare_paired(texts: Sequence[str], margin: float | None = None) -> list[Pair]:
    """Return the first of the named models or groups compared with each of the others, on the samples that they share.

    Args:
        texts: `RUN`, `RUN/MODEL` or `RUN:MODEL`, at least two.
        margin: within which sides count as equivalent.

    Raises:
        ConfigError: a text names no model, or not a single one.
        DataError: a run cannot be read, or two of them cannot be compared.
    """
    try:
        first, *others = open_sides(texts)
        return [_compare(first, other, margin) for other in others]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise malformed(Path(", ".join(texts)), error) from error


def _compare(first: Side, second: Side, margin: float | None) -> Pair:
    names = _dataset(first, second)
    sides = align(first, second, names)
    conditions = _conditions((first, second), sides)
    results, shared = _results(sides, conditions)
    metrics, lone = metric_lines(*sides, conditions)
    if not results and not metrics:
        raise DataError(
            f"{first.label} and {second.label} have no condition in common: {by_family(conditions.values())}",
            "evaluate both with the same -p and -a",
        )
    facts = [(side.run, name) for side, name in zip((first, second), names, strict=True)]
    return Pair(
        first=first,
        second=second,
        dataset=names[0],
        fingerprint=first.run.manifest["datasets"][names[0]]["fingerprint"],
        samples=len(sides[0].shared),
        evaluated=(len(sides[0].ids[0]), len(sides[1].ids[0])),
        seeds=(len(sides[0].members), len(sides[1].members)),
        lines=tuple(accuracy_lines(results, margin)),
        metrics=tuple(metrics),
        missing=tuple(text for text in first.run.manifest["conditions"] if text not in shared),
        notes=(*remarks((first, second), sides, conditions, shared, lone), *run_differences(facts)),
    )


def _dataset(first: Side, second: Side) -> tuple[str, str]:
    """Return how each run calls the data that both have.

    Raises:
        DataError: they have none in common.
    """
    datasets = [side.run.manifest["datasets"] for side in (first, second)]
    for name, facts in datasets[0].items():
        for other, their in datasets[1].items():
            if facts["fingerprint"] == their["fingerprint"]:
                return name, other
    shown = [", ".join(f"{name} ({facts['fingerprint'][:12]})" for name, facts in each.items()) for each in datasets]
    raise DataError(
        f"{first.label} and {second.label} were evaluated on different data: {shown[0]} and {shown[1]}",
        "evaluate both on the same --data and --split; names may be equal where the contents differ",
    )


def _conditions(sides: Sequence[Side], aligned: Sequence[Aligned]) -> dict[str, Condition]:
    """Return the conditions for which either side has any result."""
    seen = {text for side in aligned for member in side.members for text, _ in member.rows}
    facts = {text: facts for side in sides for text, facts in side.run.manifest["conditions"].items() if text in seen}
    return describe_conditions(facts)


def _results(sides: Sequence[Aligned], conditions: Mapping[str, Condition]) -> tuple[list[Results], frozenset[str]]:
    """Return what both sides made of the samples under each scope, and the conditions that both have."""
    members = [member for side in sides for member in side.members]
    seeds, shared, _ = share_conditions(conditions, members)
    readable = [text for text in shared if all(side.correct([text], seeds) is not None for side in sides)]
    worst = add_worst_cases(members, [conditions[text] for text in readable], seeds)
    joint = {found.condition.text: found.condition for found in worst.values()}
    everything = {text: conditions[text] for text in readable} | joint
    seeds = {**seeds, **dict.fromkeys(joint, frozenset({0}))}
    scopes = _distinct(find_scopes(everything, list(everything)).values())
    found = []
    for scope in scopes:
        first, second = (side.correct(scope.conditions, seeds) for side in sides)
        if first is not None and second is not None:
            found.append(Results(line=_begun(scope, everything), first=first, second=second))
    return found, frozenset(readable)


def _distinct(scopes: Iterable[Scope]) -> list[Scope]:
    """Return the scopes without those that are over the same conditions as another one."""
    found: dict[frozenset[str], Scope] = {}
    for scope in scopes:
        key = frozenset(scope.conditions)
        if key not in found or scope.kind == "condition":
            found[key] = scope
    return list(found.values())


def _begun(scope: Scope, conditions: Mapping[str, Condition]) -> Line:
    worst = scope.kind == "condition" and conditions[scope.id].kind == WORST_CASE
    kind = "worst-case" if worst else scope.kind
    title = f"{scope.title}, mean" if kind == "family" else scope.title
    return Line(id=scope.id, kind=kind, title=title, metric=ACCURACY, n=0, first=None, second=None)
