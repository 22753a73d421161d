"""`robustkit eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.eval_config import configure
from robustkit.cli.gates import check_gates, gate_text, missed_gates, read_gate
from robustkit.cli.options import json_option, load_plugins, only_results_on_stdout, plugin_options

if TYPE_CHECKING:
    from robustkit.config import RunConfig
    from robustkit.evaluation import Evaluation
    from robustkit.host import Host
    from robustkit.store.checks import Check


@click.command("eval", short_help="Evaluate checkpoints under perturbations and attacks.")
@click.argument("checkpoints", nargs=-1, metavar="CHECKPOINT…")
@click.option(
    "--model", metavar="SPEC", help="Architecture: a registered name, FILE.py:callable or package.module:callable."
)
@click.option(
    "--normalize",
    metavar="NAME|MEAN/STD",
    help="What the network expects of [0,1] inputs: imagenet, cifar10, 0.5/0.5 …",
)
@click.option("--input-size", type=int, metavar="N", help="The wrapped model resizes its inputs to N x N.")
@click.option(
    "--data",
    metavar="PATH|NAME",
    help="IDX folder, .npz, .npy pair, image folder, .tsv or .csv table of texts, stored -C set, registered dataset.",
)
@click.option("--clean", metavar="PATH|NAME", help="The clean data of a stored -C set. [nothing clean is evaluated]")
@click.option("--verify", is_flag=True, help="Compare all of a stored -C set with the digests in its manifest.")
@click.option("--split", metavar="NAME", help="Part of the data: test (default) or train.")
@click.option("--view", metavar="SPEC", help="Resize and crop: 224, or resize=256,crop=224,interpolation=bicubic.")
@click.option(
    "--text-column", metavar="NAME", help="Column of a .tsv or .csv table that holds the texts. [by its name]"
)
@click.option("--label-column", metavar="NAME", help="Column that holds the labels. [by its name]")
@click.option("--limit", type=int, metavar="N", help="Evaluate N samples, spread evenly over the dataset.")
@click.option("--indices", metavar="FILE", help="Evaluate the samples whose ids this file lists.")
@click.option(
    "-p",
    "--perturbation",
    multiple=True,
    metavar="NAME:k=v,…",
    help="Add a perturbation, e.g. gaussian-noise:severity=1..5, or all of a set: corruptions/common. Repeatable.",
)
@click.option(
    "-a",
    "--attack",
    multiple=True,
    metavar="NAME:k=v,…",
    help="Add an attack, e.g. pgd:eps=8/255,steps=20. Repeatable.",
)
@click.option(
    "-m",
    "--metric",
    multiple=True,
    metavar="NAME",
    help="Metric. Repeatable; 'default', or none at all, means accuracy, NLL, Brier, ECE, and of attacks the success "
    "rate.",
)
@click.option("--seed", metavar="N|A..B", help="Seed, or several: what draws random numbers runs under each. [0]")
@click.option("--precision", metavar="fp32|tf32|bf16|fp16", help="Arithmetic of the forward passes. [fp32]")
@click.option("--device", envvar="ROBUSTKIT_DEVICE", metavar="NAME", help="auto, cpu, cuda, cuda:N. [auto]")
@click.option("--batch-size", type=int, metavar="N", help="Samples a forward pass; does not change results. [128]")
@click.option(
    "--save-examples",
    is_flag=True,
    help="Store the adversarial inputs that broke a sample; 'robustkit verify' checks them anew.",
)
@click.option(
    "--trust-pickle", is_flag=True, help="Open checkpoints whose pickle can run code. Only for files that you trust."
)
@click.option("--config", metavar="FILE.toml", help="Read the configuration from a file; flags add to it.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one configuration entry, e.g. model.0.group=base. Repeatable.",
)
@click.option("-o", "--out", metavar="DIR", help="Run folder. [a new one below runs/]")
@click.option(
    "--resume", is_flag=True, help="Continue the run in --out, or the newest one below runs/ that this command began."
)
@click.option("--dry-run", is_flag=True, help="Check everything, list the cells, compute nothing.")
@click.option(
    "--fail-under",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Exit with 1 if any row of the metric, or of METRIC@PART, is below or undefined, or if there is none. A "
    "metric with parts is held to it in each. Repeatable.",
)
@click.option(
    "--trust-samples",
    type=int,
    metavar="N",
    help="Probe each image model for false robustness on N samples, 3 or more; 0 for none. [48]",
)
@click.option(
    "--expect-clean",
    type=float,
    metavar="X",
    help="Clean accuracy that each model should have; a trust check fails where it is below, beyond its interval.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 if a trust check fails, or if the run attacks and was not checked for masked gradients.",
)
@click.option("--profile", is_flag=True, help="Show where the time goes, also in manifest and --json.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@json_option
@plugin_options
def command(**options: Any) -> int:
    """Evaluate CHECKPOINTs and write per-sample records and a results table.

    \b
    robustkit eval model.pt --model resnet20-cifar --normalize cifar10 --data test.npz
    robustkit eval model.pt … -p gaussian-noise:severity=1..5 -a pgd:eps=8/255
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    gates = [read_gate(text) for text in options["fail_under"]]
    config = configure(options)
    host = load_plugins(config.include, options["no_plugin"], options["strict_plugins"])
    check_gates(gates, config, host)
    if options["dry_run"]:
        return _dry_run(config, host, options["as_json"])

    from robustkit.cli.progress import make_progress
    from robustkit.evaluation import evaluate

    out = Path(options["out"]) if options["out"] else None
    observer = make_progress(options["quiet"])
    with only_results_on_stdout():
        flags = {key: options[key] for key in ("resume", "profile")}
        done = evaluate(config, host=host, observer=observer, out=out, **flags)
    missed = missed_gates(gates, done.rows)
    distrusted = _distrusted(done) if options["strict"] else []
    _print(done, missed, distrusted, options["as_json"])
    if done.failures:
        return 4
    return 1 if missed or distrusted else 0


def _dry_run(config: RunConfig, host: Host, as_json: bool) -> int:
    from robustkit.engine.plan import make_plan

    with only_results_on_stdout():
        plan = make_plan(config, host)
    cells = [{"model": cell.model, "condition": cell.condition.text, "seed": cell.seed} for cell in plan.cells]
    if as_json:
        click.echo(json.dumps({"dataset": plan.dataset_name, "samples": len(plan.ids), "cells": cells}))
        return 0
    for cell in cells:
        click.echo(f"{cell['model']}  {cell['condition']}  seed {cell['seed']}")
    click.echo(f"{len(cells)} cell(s) on {len(plan.ids)} samples of {plan.dataset_name}, on {plan.device}", err=True)
    return 0


def _distrusted(done: Evaluation) -> list[Check]:
    from robustkit.store.checks import strict_failures

    conditions = done.folder.read_manifest()["conditions"].values()
    return strict_failures(done.checks, attacked=any(facts["kind"] == "attack" for facts in conditions))


def _print(done: Evaluation, missed: list[dict[str, Any]], distrusted: list[Check], as_json: bool) -> None:
    from robustkit.analysis.notes import gather_notes
    from robustkit.store.checks import checks_to_plain

    if as_json:
        result: dict[str, Any] = {"run": str(done.folder.path), "results": done.rows}
        result |= {"worst_cases": done.worst_cases} if done.worst_cases else {}
        result |= {"failures": done.failures} if done.failures else {}
        result |= {"failed_gates": missed} if missed else {}
        result |= {"failed_checks": checks_to_plain(distrusted)} if distrusted else {}
        result |= {"profile": done.profile} if done.profile else {}
        click.echo(json.dumps(result, allow_nan=False))
    else:
        from robustkit.cli.table import results_by_condition, worst_case_table

        click.echo(results_by_condition(done.rows), err=True, nl=False)
        click.echo(worst_case_table(done.worst_cases), err=True, nl=False)
        click.echo(str(done.folder.path))
    _print_trust(done.checks, distrusted)
    for note in gather_notes(done.notes):
        click.echo(f"robustkit: note: {note}", err=True)
    if done.profile:
        from robustkit.cli.profile import profile_table

        click.echo(profile_table(done.profile), err=True, nl=False)
    for failure in done.failures:
        click.echo(f"robustkit: no result: {failure['model']} · {failure['condition']}: {failure['error']}", err=True)
    if done.failures:
        click.echo(f"robustkit: tracebacks are in {done.folder.path / 'events.jsonl'}", err=True)
    for gate in missed:
        click.echo(f"robustkit: gate failed: {gate_text(gate, done.rows)}", err=True)


def _print_trust(checks: list[Check], distrusted: list[Check]) -> None:
    """Say on stderr what the checks came to and which ones did not pass; under --strict, which decide the exit code."""
    from robustkit.cli.trust import MOST_LINES, check_lines, trust_line

    if checks:
        click.echo(f"robustkit: {trust_line(checks)}; 'robustkit show RUN' has the numbers", err=True)
    missed = [check for check in checks if check.status in ("fail", "warn") and check not in distrusted]
    lines = check_lines(missed)
    for line in lines[:MOST_LINES]:
        click.echo(f"robustkit: trust: {line}", err=True)
    if len(lines) > MOST_LINES:
        click.echo(f"robustkit: trust: and {len(lines) - MOST_LINES} more, in 'robustkit show RUN'", err=True)
    for line in check_lines(distrusted):
        click.echo(f"robustkit: --strict: {line}", err=True)
