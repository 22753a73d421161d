"""From runs to comparisons: accuracy under every scope, with intervals, for all models that saw the same samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison import Comparison, Measured, Scope, Subject
from robustkit.analysis.conditions import describe_conditions
from robustkit.analysis.gaps import find_gaps
from robustkit.analysis.intervals import mean_interval
from robustkit.analysis.members import Member, Team, find_members, gather_teams, mean_of, printable
from robustkit.analysis.resample import bootstrap_means, correct_shares
from robustkit.analysis.runs import ACCURACY, Run
from robustkit.analysis.scopes import Seeds, find_scopes, headline, share_conditions


def compare_runs(runs: Sequence[Run]) -> list[Comparison]:
    """Return one comparison for each set of samples that the runs were evaluated on, in order of appearance.

    Intervals, all at 95 %: of a group of training seeds Student's t over the seeds, cut off at 0 and 1; of a single
    model under one condition and seed Wilson's, from the results table; of a mean over conditions or seeds the
    percentile bootstrap over samples, with the same resampled samples for all conditions and models.
    """
    together: dict[tuple[object, ...], list[tuple[Run, str]]] = {}
    for run in runs:
        for dataset in run.manifest["datasets"]:
            together.setdefault(run.samples_key(dataset), []).append((run, dataset))
    return [_compare(pairs) for pairs in together.values()]


def _compare(pairs: Sequence[tuple[Run, str]]) -> Comparison:
    members, renamed = find_members(pairs)
    teams, dropped = gather_teams(members)
    kept = [member for team in teams for member in team.members]
    conditions = describe_conditions({text: facts for run, _ in pairs for text, facts in _present(run, kept).items()})
    seeds, shared, unshared = share_conditions(conditions, kept)
    scopes = find_scopes(conditions, shared)
    subjects = tuple(
        Subject(name=team.name, style=place, models=tuple(member.name for member in team.members))
        for place, team in enumerate(teams)
    )
    run, dataset = pairs[0]
    comparison = Comparison(
        data=run.manifest["datasets"][dataset],
        key=run.samples_key(dataset),
        teams=tuple(teams),
        seeds=seeds,
        dataset=dataset,
        samples=run.manifest["datasets"][dataset]["evaluated"],
        subjects=subjects,
        conditions=conditions,
        scopes=scopes,
        headline=(),
        shared=frozenset(shared),
        accuracy=_accuracies(teams, scopes, seeds),
        metrics=_metrics(teams),
        failures=sum(len(each.manifest["failures"]) for each in {id(run): run for run, _ in pairs}.values()),
        notes=(*renamed, *dropped, *unshared, *_differences(pairs)),
        caveats=_caveats(teams),
        metric_caveats={
            name: facts["caveat"]
            for each, _ in pairs
            for name, facts in each.manifest["metrics"].items()
            if facts.get("caveat")
        },
    )
    comparison = replace(comparison, headline=headline(comparison))
    return replace(comparison, gaps=find_gaps(comparison, {team.name: team.members for team in teams}, seeds))


def _caveats(teams: Sequence[Team]) -> tuple[str, ...]:
    """Return what the trainers say about themselves, after the names of the models and groups that they trained."""
    said: dict[str, dict[str, None]] = {}
    for team in teams:
        for member in team.members:
            caveat = (member.facts.get("training") or {}).get("caveat")
            if caveat:
                said.setdefault(printable(caveat), {})[team.name] = None
    return tuple(f"{'; '.join(names)}: {caveat}." for caveat, names in said.items())


def _present(run: Run, members: Collection[Member]) -> dict[str, Mapping[str, object]]:
    """Return the conditions of a run for which there is any row."""
    seen = {condition for member in members if member.run is run for condition, _ in member.rows}
    return {text: facts for text, facts in run.manifest["conditions"].items() if text in seen}


def _accuracies(teams: Sequence[Team], scopes: Mapping[str, Scope], seeds: Seeds) -> dict[tuple[str, str], Measured]:
    found: dict[tuple[str, str], Measured] = {}
    for team in teams:
        pending: dict[str, NDArray[np.float64]] = {}
        for scope in scopes.values():
            measured = _measure(team, scope, seeds)
            if measured.value is not None and not measured.method and len(team.members) == 1:
                vector = correct_shares(team.members, scope.conditions, seeds)
                pending |= {} if vector is None else {scope.id: vector}
            found[team.name, scope.id] = measured
        for scope_id, (low, high) in zip(pending, bootstrap_means(list(pending.values())), strict=True):
            found[team.name, scope_id] = replace(
                found[team.name, scope_id], low=low, high=high, method="bootstrap", over="samples"
            )
    return found


def _measure(team: Team, scope: Scope, seeds: Seeds) -> Measured:
    """Return the value under a scope, with the interval unless that needs per-sample records."""
    values = [_value(member, scope.conditions, seeds) for member in team.members]
    if len(team.members) > 1:
        return of_group([member.name for member in team.members], values)
    member, only = team.members[0], scope.conditions[0]
    rows = [row for seed, row in member.rows.get((only, ACCURACY), {}).items() if seed in seeds[only]]
    if values[0] is not None and len(scope.conditions) == 1 and len(rows) == 1:
        row = rows[0]
        low, high = row["ci_low"], row["ci_high"]
        return Measured(value=values[0], low=low, high=high, n=row["n"], method="wilson", over="samples")
    n = next(
        (row["n"] for (_, metric), found in member.rows.items() if metric == ACCURACY for row in found.values()), 0
    )
    return Measured(value=values[0], n=n)


def _value(member: Member, conditions: Sequence[str], seeds: Seeds) -> float | None:
    return mean_of([member.value(condition, seeds[condition]) for condition in conditions])


def of_group(
    names: Sequence[str], values: Sequence[float | None], bounds: tuple[float, float] = (0.0, 1.0)
) -> Measured:
    """Return mean and Student's t-interval over training seeds; undefined unless every model has a value.

    Where all seeds gave the same value there is no interval: a point would claim certainty.

    >>> group = of_group(["a", "b"], [0.5, 0.7])
    >>> round(group.value, 2), group.low, group.high, group.n
    (0.6, 0.0, 1.0, 2)
    >>> of_group(["a", "b"], [0.5, None]).value
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Measured(value=None, n=len(values))
    low, high = mean_interval(known) if min(known) < max(known) else (None, None)
    return Measured(
        value=float(np.mean(known)),
        low=None if low is None else max(low, bounds[0]),
        high=None if high is None else min(high, bounds[1]),
        n=len(known),
        method="student-t",
        over="seeds",
        replicates=tuple(zip(names, known, strict=True)),
    )


def _metrics(teams: Sequence[Team]) -> dict[tuple[str, str, str], Measured]:
    """Return every metric under every single condition."""
    found = {}
    for team in teams:
        for condition, metric in dict.fromkeys(key for member in team.members for key in member.rows):
            found[team.name, condition, metric] = _metric(team, condition, metric)
    return found


def _metric(team: Team, condition: str, metric: str) -> Measured:
    values = [member.value(condition, member.seeds(condition, metric), metric) for member in team.members]
    if len(team.members) > 1:
        return of_group([member.name for member in team.members], values, _bounds(team.members[0].run, metric))
    member = team.members[0]
    rows = list(member.rows[condition, metric].values())
    # A mean over seeds has no interval here: the seeds share their samples.
    low, high = (rows[0]["ci_low"], rows[0]["ci_high"]) if len(rows) == 1 else (None, None)
    method = _declared(member.run, metric).get("interval", "")
    # Reports make a bootstrap of their own, from which a metric's must be told.
    method = "metric-bootstrap" if method == "bootstrap" else method
    return Measured(value=values[0], low=low, high=high, n=rows[0]["n"], method=method, over="samples")


def _declared(run: Run, metric: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run.manifest["metrics"].get(metric.partition("@")[0], {})
    return found


def _bounds(run: Run, metric: str) -> tuple[float, float]:
    low, high = _declared(run, metric).get("bounds") or (None, None)
    return (-np.inf if low is None else low, np.inf if high is None else high)


def _differences(pairs: Sequence[tuple[Run, str]]) -> list[str]:
    """Return what else than the models differs between merged runs."""
    notes = []
    for key, what in (("precision", "arithmetic"), ("backend", "device"), ("view", "view")):
        values = {str(run.manifest.get("identity", {}).get(key)) for run, _ in pairs}
        if len(values) > 1:
            notes.append(f"the runs differ in {what}: {', '.join(sorted(values))}")
    versions: dict[str, set[str]] = {}
    for run, _ in pairs:
        for text, facts in run.manifest["conditions"].items():
            versions.setdefault(text, set()).add(str(facts.get("versions")))
    notes += [
        f"{text} was made by different versions of its plugin" for text, each in versions.items() if len(each) > 1
    ]
    return notes
