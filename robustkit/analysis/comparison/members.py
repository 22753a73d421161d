"""The models of several runs: what is one model in all of them is one here, and no two have the same name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.runs import ACCURACY, Run
from robustkit.analysis.statistics.intervals import wilson_interval
from robustkit.texts import printable

Rows = dict[tuple[str, str], dict[int, dict[str, Any]]]
"""Rows of the results table by (condition, metric), then by seed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """One model as one run has evaluated it.

    Attributes:
        run: where its results are.
        dataset: what it was evaluated on.
        model: its name in its run.
        rows: its results.
    """

    run: Run
    dataset: str
    model: str
    rows: Rows

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says about the model."""
        found: dict[str, Any] = self.run.manifest["models"][self.model]
        return found

    @property
    def grouped(self) -> bool:
        """Whether the model was meant as one of several that differ in their training seed."""
        # Without a group the manifest repeats the name; a training seed says that a group was meant.
        return (self.facts.get("group") or self.model) != self.model or self.facts.get("training_seed") is not None

    @property
    def identity(self) -> tuple[object, ...]:
        """What decides the model's answers: two evaluations that share it are of one and the same model."""
        run = self.run.manifest.get("identity", {})
        return self.facts.get("identity") or {"weights": self.facts["sha256"]}, run.get("precision"), run.get("view")


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One model.

    Attributes:
        name: unique among the models that it is compared with.
        evaluations: what is known of it, at least one; where two have a result, that of the first counts.
        rows: the results of all of them.
    """

    name: str
    evaluations: tuple[Evaluation, ...]
    rows: Rows
    _correct: dict[tuple[str, int], NDArray[np.float64] | None] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says about the model."""
        return self.evaluations[0].facts

    def source(self, condition: str, metric: str, seed: int) -> Evaluation:
        """Return the evaluation that a row is from."""
        having = (each for each in self.evaluations if seed in each.rows.get((condition, metric), {}))
        # What was computed from the results of several evaluations is in none of them.
        return next(having, self.evaluations[0])

    def seeds(self, condition: str, metric: str = ACCURACY) -> set[int]:
        """Return the seeds under which there is a defined value."""
        return {seed for seed, row in self.rows.get((condition, metric), {}).items() if row["value"] is not None}

    def value(self, condition: str, seeds: Collection[int], metric: str = ACCURACY) -> float | None:
        """Return the mean over those of the seeds that it was evaluated under, or None where a value is missing."""
        rows = self.rows.get((condition, metric), {})
        values = [rows[seed]["value"] for seed in sorted(seeds) if seed in rows]
        return mean_of(values)

    def records(self, condition: str, seed: int) -> dict[str, NDArray[Any]] | None:
        """Return the records behind an accuracy, or None where none are stored."""
        source = self.source(condition, ACCURACY, seed)
        return source.run.records(source.model, source.dataset, condition, seed)

    def add(self, condition: str, right: NDArray[np.bool_]) -> None:
        """Add the accuracy under a condition that no run has evaluated as such, with Wilson's interval.

        Args:
            condition: its canonical string.
            right: (n,) which samples were right.
        """
        count, n = int(right.sum()), len(right)
        low, high = wilson_interval(count, n)
        row = {"value": count / n, "n": n, "ci_low": low, "ci_high": high}
        self.rows[condition, ACCURACY] = {0: row}
        self._correct[condition, 0] = right.astype(np.float64)

    def correct(self, condition: str, seeds: Iterable[int]) -> NDArray[np.float64] | None:
        """Return (n,) shares of the seeds under which each sample was right, or None where records are missing."""
        found = []
        for seed in sorted(self.rows.get((condition, ACCURACY), {}).keys() & set(seeds)):
            key = (condition, seed)
            if key not in self._correct:
                records = self.records(condition, seed)
                self._correct[key] = (
                    None if records is None else (records["prediction"] == records["label"]).astype(np.float64)
                )
            vector = self._correct[key]
            if vector is None:
                return None
            found.append(vector)
        return np.mean(found, axis=0) if found else None


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None unless there are values and all are defined.

    >>> mean_of([0.25, 0.75]), mean_of([0.5, None]), mean_of([])
    (0.5, None, None)
    """
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def find_members(runs: Sequence[tuple[Run, str]]) -> tuple[list[Member], list[str]]:
    """Return the models of the given (run, dataset) pairs, and notes on what was renamed or merged."""
    found = _models([_evaluation(*each, model) for each in runs for model in each[0].manifest["models"]])
    counts = Counter(printable(each[0].model) for each in found)
    members = []
    for evaluations in found:
        name = printable(evaluations[0].model)
        if counts[name] > 1:
            name = f"{name} ({evaluations[0].run.name})"
        members.append(Member(name=name, evaluations=tuple(evaluations), rows=_merge(evaluations)))
    notes = [
        f"{count} runs have a model called '{name}': the run stands behind its name"
        for name, count in counts.items()
        if count > 1
    ]
    return members, notes + [_merged(each) for each in found if len(each) > 1]


def _evaluation(run: Run, dataset: str, model: str) -> Evaluation:
    rows: Rows = {}
    for row in run.rows:
        if row["model"] == model and row["dataset"] == dataset:
            rows.setdefault((row["condition"], row["metric"]), {})[row["seed"]] = row
    return Evaluation(run=run, dataset=dataset, model=model, rows=rows)


def _models(evaluations: Sequence[Evaluation]) -> list[list[Evaluation]]:
    """Return the evaluations of each model together.

    Within a run two names of one model are kept apart, as they were asked for, unless they are training seeds of a
    group: those count once.
    """
    models: list[list[Evaluation]] = []
    for each in evaluations:
        same = [model for model in models if model[0].identity == each.identity and _may_join(each, model)]
        same.sort(key=lambda model: model[0].model != each.model)
        if same:
            same[0].append(each)
        else:
            models.append([each])
    return models


def _may_join(evaluation: Evaluation, model: Sequence[Evaluation]) -> bool:
    return evaluation.grouped or all(each.run is not evaluation.run for each in model)


def _merge(evaluations: Sequence[Evaluation]) -> Rows:
    merged: Rows = {}
    for each in evaluations:
        for key, by_seed in each.rows.items():
            merged[key] = by_seed | merged.get(key, {})
    return merged


def _merged(evaluations: Sequence[Evaluation]) -> str:
    """Return a note on evaluations of one model, and on how many of their results contradict one another."""
    names, runs = (
        list(dict.fromkeys(each))
        for each in ([printable(one.model) for one in evaluations], [one.run.name for one in evaluations])
    )
    where = f" in runs {', '.join(runs)}" if len(runs) > 1 else ""
    text = (
        f"{names[0]} is the same model{where}"
        if len(names) == 1
        else f"{', '.join(names)} have the same weights{where}"
    )
    differing = _differing(evaluations)
    first = f"; {differing} result(s) differ, of which the first counts" if differing else ""
    return f"{text}: they are one model, with the results of all{first}"


def _differing(evaluations: Sequence[Evaluation]) -> int:
    values: dict[tuple[Any, ...], set[float | None]] = {}
    for each in evaluations:
        for key, by_seed in each.rows.items():
            for seed, row in by_seed.items():
                values.setdefault((*key, seed), set()).add(row["value"])
    return sum(len(found) > 1 for found in values.values())
