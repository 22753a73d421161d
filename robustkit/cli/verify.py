"""`robustkit verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.options import json_option, load_plugins, only_results_on_stdout, plugin_options
from robustkit.errors import DataError

if TYPE_CHECKING:
    from robustkit.engine.verify_examples import VerifiedCell

SHOWN = 5
"""Offenders that are listed of each cell."""


@click.command("verify", short_help="Check the stored adversarial examples of a run anew.")
@click.argument("run", metavar="RUN")
@click.option("--model", metavar="SPEC", help="Architecture, where it is a file or module of yours, as for eval.")
@click.option(
    "--trust-pickle", is_flag=True, help="Open checkpoints whose pickle can run code. Only for files that you trust."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one entry of the run's configuration, e.g. model.0.checkpoint=FILE. Repeatable.",
)
@click.option("--device", envvar="ROBUSTKIT_DEVICE", metavar="NAME", help="auto, cpu, cuda, cuda:N. [as in the run]")
@click.option("--batch-size", type=int, metavar="N", help="Samples a forward pass. [as in the run]")
@json_option
@plugin_options
def command(run: str, as_json: bool, **options: Any) -> int:
    """Check every adversarial example that RUN has stored, from its models and data, opened anew.

    \b
    robustkit eval model.pt … -a pgd:eps=8/255 --save-examples -o RUN
    robustkit verify RUN

    Each example must lie within eps and [0, 1], be the one that its record is about, and be misclassified by the model;
    each sample that a record calls broken must have one. Exits with 1 if something does not hold. What is verified is
    that broken samples are broken: that the others are robust, no file can prove.
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    cells = _verify(Path(run), options)
    failed = any(cell.offenders for cell in cells)
    if as_json:
        click.echo(json.dumps({"run": run, "verified": not failed, "cells": [asdict(cell) for cell in cells]}))
    else:
        _print(cells)
    return 1 if failed else 0


def _verify(run: Path, options: dict[str, Any]) -> list[VerifiedCell]:
    from robustkit.cli.eval_config import config_of_run
    from robustkit.store.run_folder import RunFolder

    folder = RunFolder(run)
    if folder.read_manifest().get("kind", "evaluation") != "evaluation":
        raise DataError(f"{run} holds no evaluation", "name the folder of a 'robustkit eval --save-examples'")
    config = config_of_run(run, options)
    host = load_plugins(config.include, options["no_plugin"], options["strict_plugins"])

    from robustkit.engine.plan import make_plan
    from robustkit.engine.verify_examples import verify_examples

    with only_results_on_stdout():
        return verify_examples(make_plan(config, host), folder)


def _print(cells: list[VerifiedCell]) -> None:
    from robustkit.analysis.comparison.conditions import short_names
    from robustkit.cli.table import render
    from robustkit.texts import printable

    names = short_names([cell.condition for cell in cells])
    rows = [
        (
            *(cell.model, names[cell.condition], str(cell.seed)),
            *map(str, (cell.broken, cell.examples, len(cell.offenders), cell.close, cell.absent)),
        )
        for cell in cells
    ]
    counts = ("broken", "examples", "offenders", "at the boundary", "chunks not computed")
    click.echo(render(("model", "condition", "seed", *counts), rows, folding=2), nl=False)
    for cell in cells:
        for each in cell.offenders[:SHOWN]:
            about = "" if each.id is None else f"id {each.id}: "
            text = f"robustkit: {cell.model} · {names[cell.condition]}: {about}{each.problem}"
            click.echo(printable(text), err=True)
        if len(cell.offenders) > SHOWN:
            click.echo(f"robustkit: and {len(cell.offenders) - SHOWN} more offenders of this cell", err=True)
