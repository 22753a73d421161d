"""Whether attacked cells agree with one another: over eps, over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from robustkit.analysis.comparison.conditions import describe_conditions
from robustkit.analysis.trust.sealed import Cell
from robustkit.store.checks import Check, Number, Status, judged, not_run

POINT = 0.01
"""A difference in accuracy that counts, if it is of two samples at least: one percentage point."""

MUCH = 0.05
"""How much accuracy may rise with eps before it fails."""

_FEWEST = 2


def trend_checks(cells: Sequence[Cell], conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[Check]:
    """Yield the checks of one model's attacked cells; where an attack has one eps and one seed there are none."""
    known = describe_conditions({cell.condition: conditions[cell.condition] for cell in cells})
    sealed = [cell for cell in cells if cell.records is not None]
    by_family: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    by_condition: dict[str, list[Cell]] = defaultdict(list)
    for cell in sealed:
        by_family[known[cell.condition].family, cell.seed].append(cell)
        by_condition[cell.condition].append(cell)
    for (_, seed), family in by_family.items():
        if len(family) > 1:
            yield _over_eps(sorted(family, key=lambda cell: cell.ball[1]), seed)
    for condition, seeds in by_condition.items():
        if len(seeds) > 1:
            yield _over_seeds(condition, seeds)


def _over_eps(cells: Sequence[Cell], seed: int) -> Check:
    """Return whether accuracy never rises with eps: a larger ball holds every point of a smaller one."""
    standing = [int(cell.right.sum()) for cell in cells]
    n = len(cells[0].right)
    if n < _FEWEST:
        return _placed(_too_few("eps-trend"), cells[-1].condition, seed)
    rise, place = max((after - before, place) for place, (before, after) in enumerate(pairwise(standing)))
    counts = rise >= _FEWEST and rise / n > POINT
    status: Status = "pass" if not counts else "fail" if rise / n > MUCH else "warn"
    numbers: dict[str, Number] = {"largest_rise": rise / n, "samples": max(rise, 0), "bar": POINT, "n": n}
    if rise > 0:
        numbers |= {"from_eps": cells[place].ball[1], "to_eps": cells[place + 1].ball[1]}
    advice = (
        "accuracy rises with eps, which cannot be: the attack is too weak at the larger one, or gradients are masked"
    )
    check = judged("eps-trend", status, numbers, advice)
    return _placed(check, cells[-1].condition, seed)


def _over_seeds(condition: str, cells: Sequence[Cell]) -> Check:
    """Return whether the attack's seeds agree within a point."""
    standing = [int(cell.right.sum()) for cell in cells]
    n, apart = len(cells[0].right), max(standing) - min(standing)
    if n < _FEWEST:
        return _placed(_too_few("seeds"), condition, None)
    differ = apart >= _FEWEST and apart / n > POINT
    numbers: dict[str, Number] = {"seeds": len(cells), "lowest": min(standing) / n, "highest": max(standing) / n}
    advice = "seeds differ by more than a point: use more restarts, and report the worst case over the seeds"
    check = judged("seeds", "warn" if differ else "pass", {**numbers, "bar": POINT, "n": n}, advice)
    return _placed(check, condition, None)


def _too_few(name: str) -> Check:
    return not_run([name], f"it takes {_FEWEST} samples, here is one")[0]


def _placed(check: Check, condition: str, seed: int | None) -> Check:
    return replace(check, condition=condition, seed=seed)
