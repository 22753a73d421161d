"""The per-sample worst case over several attacks: the robust accuracy that is reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.conditions import WORST_CASE, Condition
from robustkit.analysis.comparison.members import Member
from robustkit.host.canonical import format_value
from robustkit.store.records import find_broken

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackedCell:
    """What became of each sample in one cell.

    Attributes:
        condition: the attack.
        seed: the root of its random keys.
        right: (n,) whether a sample was right before the attack.
        held: (n,) whether it still was under the attack.
        broken: (n,) whether the attack broke it; a sample whose logits are not finite neither held nor was broken.
    """

    condition: Condition
    seed: int
    right: Bools
    held: Bools
    broken: Bools


@dataclass(frozen=True, kw_only=True, eq=False)
class WorstCase:
    """The worst that any attack within one norm and eps did to each sample of a model.

    Attributes:
        condition: `worst-case:eps=…,norm=…`.
        over: canonical strings of the attacks.
        right: how many samples were right before.
        held: (n,) whether a sample was right and no attack changed that, under no seed.
        attacks: by the attack's short name, how many samples it broke, and how many of them no other attack did.
    """

    condition: Condition
    over: tuple[str, ...]
    right: int
    held: Bools
    attacks: Mapping[str, tuple[int, int]]


def attacked_cell(records: Mapping[str, NDArray[Any]], condition: Condition, seed: int) -> AttackedCell | None:
    """Return what became of each sample, or None where the records do not say what broke them."""
    if "broken_by" not in records:
        return None
    return AttackedCell(
        condition=condition,
        seed=seed,
        right=records["broken_by"].astype(str) != "clean",
        held=records["prediction"] == records["label"],
        broken=find_broken(records),
    )


def worst_cases(cells: Sequence[AttackedCell]) -> list[WorstCase]:
    """Return the worst case for each norm and eps for which there is more than one attack, or seed.

    An adversarial input within a smaller eps lies within a larger one too, so attacks with a smaller eps count.

    Args:
        cells: of one model, all on the same samples in the same order.
    """
    found = []
    for norm in dict.fromkeys(cell.condition.norm for cell in cells):
        same = [cell for cell in cells if cell.condition.norm == norm]
        for eps in sorted({cell.condition.strength for cell in same}):
            within = [cell for cell in same if cell.condition.strength <= eps]
            if _attempts(within) > 1:
                found.append(_worst_case(within, norm, eps))
    return found


def add_worst_cases(
    members: Sequence[Member], shared: Sequence[Condition], seeds: Mapping[str, Collection[int]]
) -> dict[tuple[str, str], WorstCase]:
    """Find the worst cases of models, add their accuracy to the models, and return them by (model, condition).

    All models are judged by the same attacks: those that all of them share.

    Args:
        members: the models.
        shared: the conditions that all of them have.
        seeds: by condition, those that count.
    """
    attacks = [condition for condition in shared if condition.kind == "attack"]
    found = {
        (member.name, worst.condition.text): worst
        for member in members
        for worst in worst_cases(_cells(member, attacks, seeds))
    }
    texts = dict.fromkeys(text for _, text in found)
    common = [text for text in texts if all((member.name, text) in found for member in members)]
    for member in members:
        for text in common:
            member.add(text, found[member.name, text].held)
    return {(name, text): worst for (name, text), worst in found.items() if text in common}


def _cells(member: Member, attacks: Sequence[Condition], seeds: Mapping[str, Collection[int]]) -> list[AttackedCell]:
    read = [
        (condition, seed, member.records(condition.text, seed))
        for condition in attacks
        for seed in sorted(member.seeds(condition.text) & set(seeds[condition.text]))
    ]
    found = [attacked_cell(records, condition, seed) if records else None for condition, seed, records in read]
    # Without the records of one attack, what the others leave would pass for the worst case.
    return [each for each in found if each is not None] if None not in found else []


def describe_worst_case(norm: str, eps: float) -> Condition:
    """Return the condition that stands for all attacks within a norm and eps."""
    shown = format_value(eps)
    return Condition(
        text=f"{WORST_CASE}:eps={shown},norm={norm}",
        kind=WORST_CASE,
        component=WORST_CASE,
        strength=eps,
        name=f"worst case, {norm} eps {shown}",
        family=f"{WORST_CASE}:norm={norm}",
        family_name=f"worst case ({norm})",
        norm=norm,
    )


def _attempts(cells: Sequence[AttackedCell]) -> int:
    """Return how many different attacks there are, those that draw random numbers under each seed."""
    return len({(cell.condition.family, cell.seed) for cell in cells})


def _worst_case(cells: Sequence[AttackedCell], norm: str, eps: float) -> WorstCase:
    by_attack: dict[str, Bools] = {}
    for cell in cells:
        name = cell.condition.family_name
        by_attack[name] = cell.broken | by_attack.get(name, np.zeros_like(cell.broken))
    times = np.sum(list(by_attack.values()), axis=0)
    return WorstCase(
        condition=describe_worst_case(norm, eps),
        over=tuple(dict.fromkeys(cell.condition.text for cell in cells)),
        right=int(np.all([cell.right for cell in cells], axis=0).sum()),
        held=np.all([cell.held for cell in cells], axis=0),
        attacks={name: (int(broken.sum()), int((broken & (times == 1)).sum())) for name, broken in by_attack.items()},
    )
