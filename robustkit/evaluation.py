"""One evaluation from configuration to results table: plan, run folder, records, results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from robustkit.analysis.aggregate import Results, results_table
from robustkit.analysis.comparison.runs import ACCURACY
from robustkit.analysis.trust.judge import judge
from robustkit.analysis.worst_case_rows import find_worst_cases, worst_case_notes, worst_case_rows
from robustkit.config import RunConfig, parse_config, read_toml, write_toml
from robustkit.config.schema import as_dict
from robustkit.engine.device import pick_device
from robustkit.engine.estimates import checked_estimates
from robustkit.engine.executors import Executor
from robustkit.engine.grid import digest
from robustkit.engine.manifest import describe_run, timestamp
from robustkit.engine.metrics import DEFAULT
from robustkit.engine.plan import Plan, add_metrics, make_plan
from robustkit.engine.rates import check_rates
from robustkit.engine.runner import Observer, Outcome, Unobserved, execute
from robustkit.engine.timer import UNTIMED, Timer, Untimed
from robustkit.engine.trust.assess import assess, state_digests
from robustkit.errors import RobustkitError
from robustkit.host import Host, load_host
from robustkit.protocols import ModelMetric, RecordMetric
from robustkit.store import RunFolder
from robustkit.store.checks import Check, checks_to_plain, describe, voided
from robustkit.store.choose import Wanted, choose_folder


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        folder: the run folder.
        rows: the results table.
        failures: one entry a failed cell, or metric on a cell: model, condition, seed, error.
        files: the files that the user may want to open.
        notes: what the reader of a row should know: why it has no value, or how far to trust it.
        worst_cases: what several attacks together leave of each model, as in the manifest.
        outcome: how many chunks were computed and reused.
        checks: whether the numbers can be trusted.
        profile: where the time went, as in the manifest; None where nobody asked.
    """

    folder: RunFolder
    rows: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    files: list[Path]
    outcome: Outcome
    checks: list[Check] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    worst_cases: list[dict[str, Any]] = field(default_factory=list)
    profile: dict[str, Any] | None = None


def evaluate(
    config: RunConfig | Mapping[str, Any],
    *,
    out: Path | None = None,
    resume: bool = False,
    host: Host | None = None,
    observer: Observer | None = None,
    executor: Executor | None = None,
    profile: bool = False,
) -> Evaluation:
    """Run an evaluation and return its results.

    Args:
        config: what to evaluate; plain values are read as in a TOML file: `{"model": [{"checkpoint": …}], "data": …}`.
        host: the plugins; by default all that are installed and those that the configuration includes.
        observer: is told about the progress.
        executor: who computes; by default this process.
        out: the run folder; by default a new one below `runs/`.
        resume: continue the run in `out`, or without `out` the newest run below `runs/` with the same identity. Where
            there is none, a new run begins. A run that goes on keeps the metrics that it had, beside those of `config`.
        profile: measure where the time goes; changes no result. What an executor computes in other processes is
            measured as waiting.

    Raises:
        ConfigError: the configuration is wrong, or `out` holds another run.
        DataError: data or a checkpoint cannot be used.
        PluginError: a component that is needed is broken.
        RunError: results cannot be stored.
    """
    config = config if isinstance(config, RunConfig) else parse_config(config)
    host = host or load_host(include=config.include)
    timer = Timer(pick_device(config.device)) if profile else UNTIMED
    with timer.section("plan"):
        plan = make_plan(config, host)
        name, identity = next(iter(plan.models)), plan.identity
        wanted = Wanted(kind="evaluation", name=name, identity=identity, digest=digest(identity))
        folder = choose_folder(RunFolder, wanted, out, resume)
        plan = add_metrics(plan, _metrics_before(folder), host)
        manifest = _open_manifest(plan, host, folder)
    with _status_kept(folder, manifest):
        return _run(plan, folder, manifest, observer or Unobserved(), executor, timer)


def _run(
    plan: Plan,
    folder: RunFolder,
    manifest: dict[str, Any],
    observer: Observer,
    executor: Executor | None,
    timer: Timer | Untimed,
) -> Evaluation:
    """Compute what the folder does not have yet, and write results and manifest into it."""
    with timer.section("trust"):
        before = state_digests(plan)
    outcome = execute(plan, folder, observer, executor, timer)
    with timer.section("trust"):
        checks = _checks(plan, folder, manifest, before, observer)
    with timer.section("results"):
        results, worst = _results(plan, folder, manifest, checks, outcome)
        files = folder.write_results(results.rows)
    failures = _describe_failures(plan, outcome) + results.failures + _failed_checks(plan, checks)
    _state_intervals(manifest["metrics"], results.intervals)
    manifest |= {
        "status": "finished with failures" if failures else "finished",
        "finished": timestamp(),
        "failures": failures,
        "notes": [*plan.standing_notes, *results.notes],
        "checks": checks_to_plain(checks),
        "worst_cases": worst,
    }
    if isinstance(timer, Timer):
        manifest["profile"] = timer.profile(len(outcome.cells), outcome.samples)
    folder.write_manifest(manifest)
    return Evaluation(
        folder=folder,
        rows=results.rows,
        failures=failures,
        files=[*files, folder.manifest_path, folder.path / "records"],
        outcome=outcome,
        checks=checks,
        notes=results.notes,
        worst_cases=worst,
        profile=manifest.get("profile"),
    )


def _checks(
    plan: Plan, folder: RunFolder, manifest: Mapping[str, Any], before: Mapping[str, str], observer: Observer
) -> list[Check]:
    """Return what the run finds out about itself."""
    if plan.modality == "text":
        return check_rates(plan, folder)
    found = assess(plan, folder, before, observer.checking)
    return judge(folder, manifest, found.checks, found.probed, plan.config.expect_clean)


def _results(
    plan: Plan, folder: RunFolder, manifest: Mapping[str, Any], checks: list[Check], outcome: Outcome
) -> tuple[Results, list[dict[str, Any]]]:
    """Return the results of the cells that have one, and what several attacks together leave of each model."""
    valid = {**manifest, "cells": _valid_cells(manifest["cells"], checks)}
    results = results_table(folder, valid, *_estimators(plan), outcome.failures)
    worst = find_worst_cases(folder, valid)
    if ACCURACY in manifest["metrics"]:
        results.rows += worst_case_rows(worst)
        results.notes += worst_case_notes(worst)
    return results, worst


def _metrics_before(folder: RunFolder) -> tuple[str, ...]:
    """Return the metrics that a run was asked for so far; none where it is new."""
    path = folder.path / "config.toml"
    return (parse_config(read_toml(path), source=str(path)).metric or (DEFAULT,)) if path.exists() else ()


def _open_manifest(plan: Plan, host: Host, folder: RunFolder) -> dict[str, Any]:
    manifest = describe_run(plan, host)
    if folder.exists():
        before = folder.read_manifest()
        manifest["started"] = before.get("started", manifest["started"])
        manifest["resumed"] = [*before.get("resumed", []), timestamp()]
    folder.write_manifest(manifest)
    # What lets code run is asked for anew each time: a run folder may come from somebody else.
    settings = {key: value for key, value in as_dict(plan.config).items() if key not in ("trust_pickle", "include")}
    folder.write_config(write_toml(settings))
    return manifest


@contextlib.contextmanager
def _status_kept(folder: RunFolder, manifest: dict[str, Any]) -> Iterator[None]:
    """Note in the manifest how a run ended that did not finish; the disk may be the very reason, so never insist."""
    try:
        yield
    except KeyboardInterrupt:
        with contextlib.suppress(RobustkitError):
            folder.write_manifest(manifest | {"status": "interrupted", "finished": timestamp()})
        raise
    except (Exception, SystemExit) as error:
        with contextlib.suppress(RobustkitError):
            folder.write_manifest(manifest | {"status": "failed", "finished": timestamp(), "error": str(error)})
        raise


def _estimators(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return, by name, the metrics that read records and those that read what was measured."""
    from_records, from_states = {}, {}
    for name, metric in plan.metrics.items():
        if metric.needs_model:
            estimate = cast("ModelMetric", metric.implementation).estimate
            from_states[name] = checked_estimates(metric.entry, estimate)
        else:
            from_records[name] = checked_estimates(metric.entry, cast("RecordMetric", metric.implementation))
    return from_records, from_states


def _state_intervals(metrics: dict[str, Any], intervals: Mapping[str, str]) -> None:
    """Write into the manifest's metrics how the intervals of each, and of each of its parts, were made."""
    for key, interval in intervals.items():
        name, _, part = key.partition("@")
        if part:
            metrics[name].setdefault("part_intervals", {})[part] = interval
        else:
            metrics[name]["interval"] = interval


def _describe_failures(plan: Plan, outcome: Outcome) -> list[dict[str, Any]]:
    failed = [(cell, outcome.failures[cell.key]) for cell in plan.cells if cell.key in outcome.failures]
    failed += [
        (cell, f"metric {metric}: {outcome.metric_failures[cell.key, metric]}")
        for cell in plan.cells
        for metric in plan.metrics
        if (cell.key, metric) in outcome.metric_failures
    ]
    return [
        {"model": cell.model, "condition": cell.condition.text, "seed": cell.seed, "error": error}
        for cell, error in failed
    ]


def _valid_cells(cells: list[dict[str, Any]], checks: list[Check]) -> list[dict[str, Any]]:
    """Return the cells whose condition was what its severity says; the others have no result."""
    without = voided(checks)
    return [cell for cell in cells if (cell["condition"], cell["seed"]) not in without]


def _failed_checks(plan: Plan, checks: list[Check]) -> list[dict[str, Any]]:
    """Return a failure for each model under a condition that was not what its severity says."""
    without = voided(checks)
    return [
        {
            "model": model,
            "condition": check.condition,
            "seed": check.seed,
            "error": describe(check),
        }
        for check in checks
        if (check.condition, check.seed) in without and check.status == "fail"
        for model in plan.models
    ]
