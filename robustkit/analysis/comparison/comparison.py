"""Models and groups compared on the same samples, as plain numbers: all that figures, tables and verdict rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from robustkit.analysis.comparison.conditions import Condition
from robustkit.analysis.comparison.teams import Team
from robustkit.analysis.comparison.worst_case import WorstCase

CLEAN = "clean"
MEAN = "mean"

NO_ACCURACY = "accuracy was not measured: the same command with --resume and -m default added measures it"
"""What is said of runs with other metrics alone."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, or a group of models that differ in their training seed.

    Attributes:
        name: unique in the comparison.
        style: its place, from which renderers take colour, marker and line.
        models: its models; several for a group.
    """

    name: str
    style: int
    models: tuple[str, ...]

    @property
    def is_group(self) -> bool:
        """Whether there are several training seeds."""
        return len(self.models) > 1


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The conditions that a number is the mean over.

    Attributes:
        id: `clean`, `mean`, a family of severities, or a condition.
        kind: `clean`; `mean` over all shared perturbation conditions; `family`, over the severities of one
            perturbation; `condition`, a single one.
        title: short.
        conditions: canonical strings.
    """

    id: str
    kind: Literal["clean", "mean", "family", "condition"]
    title: str
    conditions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A number with its 95 % interval.

    Attributes:
        value: None where it is not defined.
        low: lower end of the interval; None where none is defined.
        high: upper end.
        n: samples that it rests on, or training seeds where the interval is over those.
        method: how the interval was made: `wilson`, `bootstrap`, `student-t`, `metric-bootstrap`, as the metric says,
            or empty.
        over: what the interval is over: samples, or the training seeds of a group; empty where none is made.
        replicates: of a group, the value of each model by its name.
        spec: what exactly was computed, as the metric says; of a group, of its first model.
        unreliable: whether the metric says that the value is not to be relied on.
        chance: what chance alone gives; None where the metric says nothing.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str = ""
    over: Literal["samples", "seeds", ""] = ""
    replicates: tuple[tuple[str, float], ...] = ()
    spec: str = ""
    unreliable: bool = False
    chance: float | None = None

    @property
    def level(self) -> bool:
        """Whether all training seeds of a group gave the same value, so that the seeds give no interval."""
        return self.over == "seeds" and self.value is not None and self.low is None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much more accurate one subject is than another, with a 95 % interval.

    Attributes:
        value: accuracy of the better minus that of the other, on the same samples.
        low: lower end; None where no interval could be made.
        high: upper end.
        method: `bootstrap` (paired, over samples), `seeds-and-samples-t`, or empty.
    """

    value: float
    low: float | None
    high: float | None
    method: str

    @property
    def separable(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured on one set of samples.

    Attributes:
        dataset: its name.
        samples: how many.
        subjects: models and groups.
        conditions: all conditions, by canonical string.
        scopes: by id.
        headline: ids of the scopes that the verdict is about: clean, mean, the strongest of each attack.
        shared: the conditions that all models have.
        accuracy: by (subject, scope id).
        metrics: every metric by (subject, condition, metric), averaged over seeds.
        gaps: by (scope id, other subject): how far the best one is ahead.
        failures: cells and metrics of these runs without a result.
        unfinished: one sentence for each of these runs that did not end, and how far it got.
        notes: what was left out, and why.
        caveats: what trainers of the subjects say about themselves, each once, after the subjects' names.
        metric_caveats: what a metric says about itself, by its name.
        data: what the manifest says about the dataset.
        key: what other runs must share to be compared with these: the data, and which of its samples.
        teams: the models behind the subjects, in their order.
        seeds: by condition, the seeds that are averaged over.
        worst_cases: by (model, condition), what several attacks together leave of each model, group members one by one.
    """

    dataset: str
    samples: int
    subjects: tuple[Subject, ...]
    conditions: Mapping[str, Condition]
    scopes: Mapping[str, Scope]
    headline: tuple[str, ...]
    shared: frozenset[str]
    accuracy: Mapping[tuple[str, str], Measured]
    metrics: Mapping[tuple[str, str, str], Measured] = field(default_factory=dict)
    gaps: Mapping[tuple[str, str], Difference] = field(default_factory=dict)
    failures: int = 0
    unfinished: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    metric_caveats: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[Any, ...] = ()
    teams: tuple[Team, ...] = ()
    seeds: Mapping[str, frozenset[int]] = field(default_factory=dict)
    worst_cases: Mapping[tuple[str, str], WorstCase] = field(default_factory=dict)

    @property
    def has_accuracy(self) -> bool:
        """Whether any model has an accuracy under any condition."""
        return any(measured.value is not None for measured in self.accuracy.values())

    def of(self, subject: Subject, scope: str) -> Measured:
        """Return the accuracy of a subject; undefined where it was not measured."""
        return self.accuracy.get((subject.name, scope), Measured(value=None))

    def full(self, scope: Scope) -> str:
        """Return what a scope is over, in full: `corruptions/fog:profile=cifar severity=[1,3,5]`, joined by ` + `."""
        if scope.kind in ("clean", "condition"):
            return scope.id
        parts = []
        for family, members in self.families().items():
            chosen = [each for each in members if each.text in scope.conditions]
            if chosen:
                parts.append(f"{family} severity=[{','.join(f'{each.strength:g}' for each in chosen)}]")
        return " + ".join(parts)

    def metric(self, subject: Subject, condition: str, metric: str) -> Measured:
        """Return any metric of a subject under one condition; undefined where it was not measured."""
        return self.metrics.get((subject.name, condition, metric), Measured(value=None))

    def metrics_named(self, *names: str) -> list[str]:
        """Return the metrics with these bare names as the run calls them, with parameters, without parts."""
        whole = dict.fromkeys(metric.partition("@")[0] for _, _, metric in self.metrics)
        return [metric for metric in whole if metric.partition(":")[0].rpartition("/")[2] in names]

    def ranking(self, scope: str) -> list[Subject]:
        """Return the subjects that have a value, the best first; ties keep their order."""
        valued = [(self.of(each, scope).value, each) for each in self.subjects]
        known = [(value, each) for value, each in valued if value is not None]
        return [each for _, each in sorted(known, key=lambda pair: -pair[0])]

    def families(self, kind: str = "perturbation") -> dict[str, list[Condition]]:
        """Return the conditions of a kind by family, each family in order of strength."""
        found: dict[str, list[Condition]] = {}
        for condition in self.conditions.values():
            if condition.kind == kind:
                found.setdefault(condition.family, []).append(condition)
        return {family: sorted(each, key=lambda one: one.strength) for family, each in found.items()}
