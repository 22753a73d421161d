"""The models of several runs, named without clashes, and gathered into groups of training seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.runs import ACCURACY, Run


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One model of one run.

    Attributes:
        name: unique among the models that it is compared with.
        model: its name in its run.
        dataset: what it was evaluated on.
        run: where its results are.
        rows: its rows by (condition, metric), then by seed.
    """

    name: str
    model: str
    dataset: str
    run: Run
    rows: dict[tuple[str, str], dict[int, dict[str, Any]]]
    _correct: dict[tuple[str, int], NDArray[np.float64] | None] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says about the model."""
        found: dict[str, Any] = self.run.manifest["models"][self.model]
        return found

    def seeds(self, condition: str, metric: str = ACCURACY) -> set[int]:
        """Return the seeds under which there is a defined value."""
        return {seed for seed, row in self.rows.get((condition, metric), {}).items() if row["value"] is not None}

    def value(self, condition: str, seeds: Collection[int], metric: str = ACCURACY) -> float | None:
        """Return the mean over those of the seeds that it was evaluated under, or None where a value is missing."""
        rows = self.rows.get((condition, metric), {})
        values = [rows[seed]["value"] for seed in sorted(seeds) if seed in rows]
        return mean_of(values)

    def correct(self, condition: str, seeds: Iterable[int]) -> NDArray[np.float64] | None:
        """Return (n,) shares of the seeds under which each sample was right, or None where records are missing."""
        found = []
        for seed in sorted(self.rows.get((condition, ACCURACY), {}).keys() & set(seeds)):
            key = (condition, seed)
            if key not in self._correct:
                self._correct[key] = self.run.correct(self.model, self.dataset, condition, seed)
            vector = self._correct[key]
            if vector is None:
                return None
            found.append(vector)
        return np.mean(found, axis=0) if found else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Team:
    """One line of the comparison: a model, or a group of models that differ in their training seed.

    Attributes:
        name: unique in the comparison.
        members: one, or at least two for a group.
    """

    name: str
    members: tuple[Member, ...]


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None unless there are values and all are defined.

    >>> mean_of([0.25, 0.75]), mean_of([0.5, None]), mean_of([])
    (0.5, None, None)
    """
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def find_members(runs: Sequence[tuple[Run, str]]) -> tuple[list[Member], list[str]]:
    """Return the models of the given (run, dataset) pairs, and notes on what was renamed."""
    found = [(run, dataset, model) for run, dataset in runs for model in run.manifest["models"]]
    counts = Counter(printable(model) for _, _, model in found)
    members = []
    for run, dataset, model in found:
        plain = printable(model)
        name = f"{plain} ({run.name})" if counts[plain] > 1 else plain
        members.append(Member(name=name, model=model, dataset=dataset, run=run, rows=_index(run, dataset, model)))
    notes = [
        f"{count} runs have a model called '{name}': the run stands behind its name"
        for name, count in counts.items()
        if count > 1
    ]
    return members, notes


def printable(name: str) -> str:
    r"""Return a name on one line, without control characters: names come from files of unknown origin.

    >>> printable("a\n b\x00")
    'a b'
    """
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())


def _index(run: Run, dataset: str, model: str) -> dict[tuple[str, str], dict[int, dict[str, Any]]]:
    rows: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for row in run.rows:
        if row["model"] == model and row["dataset"] == dataset:
            rows.setdefault((row["condition"], row["metric"]), {})[row["seed"]] = row
    return rows


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
        if twin := next((each for each in others if _weights(each) == _weights(member)), None):
            notes.append(f"{member.name} has the same weights as {twin.name}: group '{key.name}' counts them once")
            continue
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
    group = member.facts.get("group") or member.model
    # Without a group the manifest repeats the name; a training seed says that a group was meant.
    if group == member.model and _seed(member) is None:
        return _Key(name=member.name, grouped=False)
    recipe = str((member.facts.get("training") or {}).get("recipe") or "")
    return _Key(name=printable(group), grouped=True, recipe=recipe)


def _seed(member: Member) -> Any:
    return member.facts.get("training_seed")


def _weights(member: Member) -> Any:
    return member.facts.get("identity", {}).get("weights") or member.facts["sha256"]


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
