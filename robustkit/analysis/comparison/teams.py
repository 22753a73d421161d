"""Models gathered into groups that differ in their training seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from robustkit.analysis.comparison.members import Member
from robustkit.texts import printable


@dataclass(frozen=True, kw_only=True, eq=False)
class Team:
    """One line of the comparison: a model, or a group of models that differ in their training seed.

    Attributes:
        name: unique in the comparison.
        members: one, or at least two for a group.
    """

    name: str
    members: tuple[Member, ...]


def gather_teams(members: Sequence[Member]) -> tuple[list[Team], list[str]]:
    """Return models and groups in order of appearance, and notes on what was left out of a group.

    Only models of one group name and one recipe are replicates, and each of their training seeds counts once.
    """
    seen: dict[_Key, list[Member]] = {}
    teams: dict[_Key, list[Member]] = {}
    notes = []
    for member in members:
        key = _key(member)
        others = seen.setdefault(key, [])
        rival = next((each for each in others if _seed(each) is not None and _seed(each) == _seed(member)), None)
        others.append(member)
        if rival:
            notes.append(
                f"{member.name} has the recipe and the training seed of {rival.name}, so it is no replicate: "
                f"it stands beside group '{key.name}' on its own"
            )
            key = replace(key, alone=member.name)
        teams.setdefault(key, []).append(member)
    return _named(teams), notes + _splits(seen)


@dataclass(frozen=True, kw_only=True)
class _Key:
    """What replicates share.

    Attributes:
        name: of the group, or of the model where no group was meant.
        grouped: whether one was.
        recipe: digest of all of the training but its seed; empty where the checkpoint does not say.
        alone: name of a model that is no replicate.
    """

    name: str
    grouped: bool
    recipe: str = ""
    alone: str = ""


def _key(member: Member) -> _Key:
    if not member.evaluations[0].grouped:
        return _Key(name=member.name, grouped=False)
    group = member.facts.get("group") or member.evaluations[0].model
    recipe = str((member.facts.get("training") or {}).get("recipe") or "")
    return _Key(name=printable(group), grouped=True, recipe=recipe)


def _seed(member: Member) -> Any:
    return member.facts.get("training_seed")


def _splits(seen: Mapping[_Key, Sequence[Member]]) -> list[str]:
    """Return one note for each group name that models of different recipes share."""
    recipes: dict[str, list[str]] = {}
    for key, members in seen.items():
        if key.grouped:
            recipes.setdefault(key.name, []).append(", ".join(member.name for member in members))
    return [
        f"the models of group '{name}' were trained by different recipes, so they are no replicates of one another "
        f"and the group is split: {' | '.join(parts)}"
        for name, parts in recipes.items()
        if len(parts) > 1
    ]


def _named(teams: Mapping[_Key, Sequence[Member]]) -> list[Team]:
    names: dict[str, Team] = {}
    counts: Counter[str] = Counter()
    for key, members in teams.items():
        # A group with a single model is that model: there is nothing to average.
        name, kind = members[0].name, " (model)"
        if len(members) > 1:
            counts[key.name] += 1
            name, kind = f"{key.name} ({counts[key.name]})" if counts[key.name] > 1 else key.name, " (group)"
        while name in names:
            name += kind
        names[name] = Team(name=name, members=tuple(members))
    return list(names.values())
