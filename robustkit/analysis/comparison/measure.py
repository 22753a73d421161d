"""From runs to comparisons: accuracy under every scope, with intervals, for all models that saw the same samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.comparison import Comparison, Measured, Scope, Subject
from robustkit.analysis.comparison.conditions import describe_conditions
from robustkit.analysis.comparison.gaps import find_gaps
from robustkit.analysis.comparison.members import Member, find_members, mean_of
from robustkit.analysis.comparison.runs import ACCURACY, Run
from robustkit.analysis.comparison.scopes import Seeds, find_scopes, headline, share_conditions
from robustkit.analysis.comparison.shares import correct_shares
from robustkit.analysis.comparison.teams import Team, gather_teams
from robustkit.analysis.comparison.worst_case import add_worst_cases
from robustkit.analysis.statistics.intervals import mean_interval
from robustkit.analysis.statistics.resample import bootstrap_means
from robustkit.texts import printable


def compare_runs(runs: Sequence[Run]) -> list[Comparison]:
    """Return one comparison for each set of samples that the runs were evaluated on, in order of appearance.

    Intervals, all at 95 %: of a group of training seeds Student's t over the seeds, cut off at the ends of the scale,
    or, where the seeds agree exactly, the widest that its models have over samples; of a single model under one
    condition and seed Wilson's, from the results table; of a mean over conditions or seeds the percentile bootstrap
    over samples, with the same resampled samples for all conditions and models.
    """
    together: dict[tuple[object, ...], list[tuple[Run, str]]] = {}
    for run in runs:
        for dataset in run.manifest["datasets"]:
            together.setdefault(run.samples_key(dataset), []).append((run, dataset))
    return [_compare(pairs) for pairs in together.values()]


def runs_of(comparison: Comparison, runs: Sequence[Run]) -> list[Run]:
    """Return those of the runs that a comparison is about."""
    return [
        run for run in runs if any(run.samples_key(dataset) == comparison.key for dataset in run.manifest["datasets"])
    ]


def _compare(pairs: Sequence[tuple[Run, str]]) -> Comparison:
    members, renamed = find_members(pairs)
    teams, dropped = gather_teams(members)
    kept = [member for team in teams for member in team.members]
    conditions = describe_conditions({text: facts for run, _ in pairs for text, facts in _present(run, kept).items()})
    seeds, shared, unshared = share_conditions(conditions, kept)
    worst = add_worst_cases(kept, [conditions[text] for text in shared], seeds)
    for condition in {each.condition.text: each.condition for each in worst.values()}.values():
        conditions[condition.text], seeds = condition, {**seeds, condition.text: frozenset({0})}
        shared.append(condition.text)
    scopes = find_scopes(conditions, shared)
    subjects = tuple(
        Subject(name=team.name, style=place, models=tuple(member.name for member in team.members))
        for place, team in enumerate(teams)
    )
    run, dataset = pairs[0]
    distinct = list({id(each): each for each, _ in pairs}.values())
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
        worst_cases=worst,
        metrics=_metrics(teams),
        failures=sum(len(each.manifest["failures"]) for each in distinct),
        unfinished=tuple(each.unfinished for each in distinct if each.unfinished),
        notes=(*renamed, *dropped, *unshared, *run_differences(pairs)),
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
    evaluations = [each for member in members for each in member.evaluations if each.run is run]
    seen = {condition for each in evaluations for condition, _ in each.rows}
    return {text: facts for text, facts in run.manifest["conditions"].items() if text in seen}


def _accuracies(teams: Sequence[Team], scopes: Mapping[str, Scope], seeds: Seeds) -> dict[tuple[str, str], Measured]:
    found: dict[tuple[str, str], Measured] = {}
    for team in teams:
        measured = _of_team(team, scopes, seeds) if len(team.members) > 1 else _alone(team.members[0], scopes, seeds)
        found |= {(team.name, scope_id): each for scope_id, each in measured.items()}
    return found


def _of_team(team: Team, scopes: Mapping[str, Scope], seeds: Seeds) -> dict[str, Measured]:
    names = [member.name for member in team.members]
    measured = {
        scope.id: of_group(names, [_value(member, scope.conditions, seeds) for member in team.members], (0.0, 1.0))
        for scope in scopes.values()
    }
    level = {scope_id: scopes[scope_id] for scope_id, each in measured.items() if each.level}
    alone = [_alone(member, level, seeds) for member in team.members] if level else []
    return measured | {each: over_samples(measured[each], [one[each] for one in alone]) for each in level}


def _alone(member: Member, scopes: Mapping[str, Scope], seeds: Seeds) -> dict[str, Measured]:
    """Return the accuracy of a single model under each scope, with intervals over samples."""
    found = {scope.id: _measure(member, scope, seeds) for scope in scopes.values()}
    pending: dict[str, NDArray[np.float64]] = {}
    for scope_id, measured in found.items():
        if measured.value is not None and not measured.method:
            vector = correct_shares([member], scopes[scope_id].conditions, seeds)
            pending |= {} if vector is None else {scope_id: vector}
    for scope_id, (low, high) in zip(pending, bootstrap_means(list(pending.values())), strict=True):
        found[scope_id] = replace(found[scope_id], low=low, high=high, method="bootstrap", over="samples")
    return found


def _measure(member: Member, scope: Scope, seeds: Seeds) -> Measured:
    """Return the value under a scope, with the interval unless that needs per-sample records."""
    value, only = _value(member, scope.conditions, seeds), scope.conditions[0]
    rows = [row for seed, row in member.rows.get((only, ACCURACY), {}).items() if seed in seeds[only]]
    if value is not None and len(scope.conditions) == 1 and len(rows) == 1:
        row = rows[0]
        low, high = row["ci_low"], row["ci_high"]
        return Measured(value=value, low=low, high=high, n=row["n"], method="wilson", over="samples")
    n = next(
        (row["n"] for (_, metric), found in member.rows.items() if metric == ACCURACY for row in found.values()), 0
    )
    return Measured(value=value, n=n)


def _value(member: Member, conditions: Sequence[str], seeds: Seeds) -> float | None:
    return mean_of([member.value(condition, seeds[condition]) for condition in conditions])


def of_group(
    names: Sequence[str], values: Sequence[float | None], bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Measured:
    """Return mean and Student's t-interval over training seeds; undefined unless every model has a value.

    Where all seeds gave the same value there is no interval: a point would claim certainty.

    >>> group = of_group(["a", "b"], [0.5, 0.7], (0.0, 1.0))
    >>> round(group.value, 2), group.low, group.high, group.n
    (0.6, 0.0, 1.0, 2)
    >>> of_group(["a", "b"], [0.5, None]).value
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Measured(value=None, n=len(values))
    low, high = mean_interval(known) if min(known) < max(known) else (None, None)
    low, high = _cut(low, high, bounds)
    return Measured(
        value=float(np.mean(known)),
        low=low,
        high=high,
        n=len(known),
        method="student-t",
        over="seeds",
        replicates=tuple(zip(names, known, strict=True)),
    )


def over_samples(group: Measured, alone: Sequence[Measured]) -> Measured:
    """Return a group whose seeds agree with the widest interval over samples that its models have, if they have any.

    Args:
        group: what was measured over the seeds.
        alone: the same of each model.
    """
    known = [(one.high - one.low, one) for one in alone if one.low is not None and one.high is not None]
    if not known:
        return group
    _, widest = max(known, key=lambda pair: pair[0])
    return replace(group, low=widest.low, high=widest.high, n=widest.n, method=widest.method, over="samples")


def _cut(low: float | None, high: float | None, bounds: tuple[float, float]) -> tuple[float | None, float | None]:
    """Return an interval cut off at the ends of the quantity's scale."""
    return None if low is None else max(low, bounds[0]), None if high is None else min(high, bounds[1])


def _metrics(teams: Sequence[Team]) -> dict[tuple[str, str, str], Measured]:
    """Return every metric under every single condition."""
    found = {}
    for team in teams:
        for condition, metric in dict.fromkeys(key for member in team.members for key in member.rows):
            found[team.name, condition, metric] = _metric(team, condition, metric)
    return found


def _metric(team: Team, condition: str, metric: str) -> Measured:
    having = [member for member in team.members if (condition, metric) in member.rows]
    alone = [_metric_alone(member, condition, metric) for member in having]
    if len(team.members) == 1:
        return alone[0]
    values = [member.value(condition, member.seeds(condition, metric), metric) for member in team.members]
    group = of_group([member.name for member in team.members], values, _bounds(having[0], condition, metric))
    group = replace(group, spec=alone[0].spec)
    return over_samples(group, alone) if group.level else group


def _metric_alone(member: Member, condition: str, metric: str) -> Measured:
    rows = list(member.rows[condition, metric].values())
    # A mean over seeds has no interval here: the seeds share their samples.
    low, high = (rows[0]["ci_low"], rows[0]["ci_high"]) if len(rows) == 1 else (None, None)
    low, high = _cut(low, high, _bounds(member, condition, metric))
    declared = _declared(member, condition, metric)
    method = declared.get("part_intervals", {}).get(metric.partition("@")[2], declared.get("interval", ""))
    # Reports make a bootstrap of their own, from which a metric's must be told.
    method = "metric-bootstrap" if method == "bootstrap" else method
    value = member.value(condition, member.seeds(condition, metric), metric)
    return Measured(
        value=value,
        low=low,
        high=high,
        n=rows[0]["n"],
        method=method,
        over="samples",
        # Results of older runs have none of these.
        spec=rows[0].get("spec") or "",
        unreliable=any(row.get("status") == "unreliable" for row in rows),
        chance=rows[0].get("chance"),
    )


def _declared(member: Member, condition: str, metric: str) -> Mapping[str, Any]:
    """Return what the run that a metric's rows are from says about the metric."""
    run = member.source(condition, metric, next(iter(member.rows[condition, metric]))).run
    found: Mapping[str, Any] = run.manifest["metrics"].get(metric.partition("@")[0], {})
    return found


def _bounds(member: Member, condition: str, metric: str) -> tuple[float, float]:
    """Return the ends of the scale of a metric, or of its part."""
    declared = _declared(member, condition, metric)
    of_parts = declared.get("part_bounds") or {}
    low, high = of_parts.get(metric.partition("@")[2]) or declared.get("bounds") or (None, None)
    return (-np.inf if low is None else low, np.inf if high is None else high)


def run_differences(pairs: Sequence[tuple[Run, str]]) -> list[str]:
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
