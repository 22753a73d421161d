"""What is averaged over what: the conditions that all models share, and the means that reports give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robustkit.analysis.comparison.comparison import CLEAN, MEAN, Comparison, Scope
from robustkit.analysis.comparison.conditions import WORST_CASE, Condition, by_family
from robustkit.analysis.comparison.members import Member

Seeds = Mapping[str, frozenset[int]]
"""By condition, the seeds that are averaged over."""


def share_conditions(
    conditions: Mapping[str, Condition], members: Sequence[Member]
) -> tuple[Seeds, list[str], list[str]]:
    """Return the seeds of each condition, the conditions that all models share, and notes on the others.

    A condition counts under the seeds that all models that have it share, so that all are given the same inputs.
    """
    seeds: dict[str, frozenset[int]] = {}
    shared: list[str] = []
    lone: list[str] = []
    fewer: list[Condition] = []
    for text, condition in conditions.items():
        each = [member.seeds(text) for member in members]
        having = [found for found in each if found]
        union = frozenset().union(*having)
        common = union.intersection(*having) if having else union
        if not condition.stochastic:
            # It draws nothing, so one seed is as good as another.
            seeds[text] = union
        else:
            seeds[text] = common or union
            fewer += [condition] if common and common != union else []
        if not having:
            # No accuracy of any model: there is nothing that a mean leaves out.
            continue
        complete = len(having) == len(members) and (bool(common) or not condition.stochastic)
        (shared if complete else lone).append(text)
    return seeds, shared, _notes([conditions[text] for text in lone], fewer)


def _notes(lone: Sequence[Condition], fewer: Sequence[Condition]) -> list[str]:
    notes = []
    if lone:
        notes.append(f"not measured for all models, so in no mean and no ranking: {by_family(lone)}")
    if fewer:
        notes.append(f"only the seeds that all models share are used under: {by_family(fewer)}")
    return notes


def find_scopes(conditions: Mapping[str, Condition], shared: Sequence[str]) -> dict[str, Scope]:
    """Return clean, the mean over shared perturbation conditions, one mean a family, and every single condition."""
    perturbations = [conditions[text] for text in shared if conditions[text].kind == "perturbation"]
    families: dict[str, list[Condition]] = {}
    for condition in perturbations:
        families.setdefault(condition.family, []).append(condition)
    scopes = [Scope(id=CLEAN, kind="clean", title="clean", conditions=(CLEAN,))] if CLEAN in conditions else []
    if perturbations:
        texts = tuple(condition.text for condition in perturbations)
        title = "mean over perturbations" if len(texts) > 1 else perturbations[0].name
        scopes.append(Scope(id=MEAN, kind="mean", title=title, conditions=texts))
    for family, members in families.items():
        texts = tuple(condition.text for condition in members)
        scopes.append(Scope(id=f"family {family}", kind="family", title=members[0].family_name, conditions=texts))
    for condition in conditions.values():
        if condition.kind != "clean":
            single = Scope(id=condition.text, kind="condition", title=condition.name, conditions=(condition.text,))
            scopes.append(single)
    return {scope.id: scope for scope in scopes}


def headline(comparison: Comparison) -> tuple[str, ...]:
    """Return the ids of the scopes that matter most: clean, the mean over perturbations, the strongest of each attack.

    The strongest of an attack (and norm) is the one with the largest eps; among equal ones, that with the lowest mean
    accuracy over all models. Where several attacks have a norm, their worst case at the largest eps stands for them
    all: it is the robust accuracy. Only what all models share counts.
    """
    found = [scope for scope in (CLEAN, MEAN) if scope in comparison.scopes]
    shared = [each for text, each in comparison.conditions.items() if text in comparison.shared]
    together = {each.norm for each in shared if each.kind == WORST_CASE}
    strongest: dict[tuple[str, str], Condition] = {}
    for condition in shared:
        alone = condition.kind == "attack" and condition.norm not in together
        if alone or condition.kind == WORST_CASE:
            key = (condition.component, condition.norm)
            before = strongest.get(key)
            if before is None or _strength(comparison, condition) > _strength(comparison, before):
                strongest[key] = condition
    return (*found, *(condition.text for condition in strongest.values()))


def _strength(comparison: Comparison, condition: Condition) -> tuple[float, float]:
    values = [comparison.of(subject, condition.text).value or 0.0 for subject in comparison.subjects]
    return condition.strength, -sum(values)
