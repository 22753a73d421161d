"""The models of several runs, named without clashes, and gathered into groups of training seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
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
    """Return models and groups in order of appearance, and notes on what was left out of a group."""
    teams: dict[str, list[Member]] = {}
    notes = []
    for member in members:
        group = member.facts.get("group") or member.model
        # Without a group the manifest repeats the name; a training seed says that a group was meant.
        explicit = group != member.model or member.facts.get("training_seed") is not None
        key = f"group {group}" if explicit else f"model {member.name}"
        twin = next((each for each in teams.get(key, []) if _weights(each) == _weights(member)), None)
        if twin:
            notes.append(f"{member.name} has the same weights as {twin.name}: group '{group}' counts them once")
        else:
            teams.setdefault(key, []).append(member)
    return _named(teams), notes


def _weights(member: Member) -> Any:
    return member.facts.get("identity", {}).get("weights") or member.facts["sha256"]


def _named(teams: dict[str, list[Member]]) -> list[Team]:
    names: dict[str, Team] = {}
    for key, members in teams.items():
        # A group with a single model is that model: there is nothing to average.
        name = printable(key.partition(" ")[2]) if len(members) > 1 else members[0].name
        while name in names:
            name += " (group)" if len(members) > 1 else " (model)"
        names[name] = Team(name=name, members=tuple(members))
    return list(names.values())
