"""`robustkit corrupt`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.options import json_option, load_plugins, only_results_on_stdout, plugin_options

if TYPE_CHECKING:
    from robustkit.config.corrupting import CorruptConfig
    from robustkit.corrupting import CorruptedSet
    from robustkit.host import Host

PAUSE = 5.0
"""Seconds between two lines of progress."""

_FLAGS = ("split", "view", "limit", "seed", "layout", "jpeg", "device")


@click.command("corrupt", short_help="Write a -C set: images under corruptions, on disk.")
@click.argument("data")
@click.option("-o", "--out", metavar="DIR", help="Folder of the set: new, or empty.")
@click.option(
    "-p",
    "--perturbation",
    multiple=True,
    metavar="NAME:k=v,…",
    help="A perturbation, or a tag for all of a set: corruptions/common:severity=1..5. Repeatable.",
)
@click.option("--split", metavar="NAME", help="Part of the data: test (default) or train.")
@click.option("--view", metavar="SPEC", help="Resize and crop: 224, or resize=256,crop=224,interpolation=bicubic.")
@click.option("--limit", type=int, metavar="N", help="Corrupt N samples, spread evenly over the dataset.")
@click.option("--seed", type=int, metavar="N", help="Root of the random keys; 'eval --seed N' makes the same. [0]")
@click.option(
    "--layout",
    metavar="npy|folder",
    help="Arrays as CIFAR-10-C has, or files as ImageNet-C has. [as the data are stored]",
)
@click.option("--jpeg", type=int, metavar="QUALITY", help="Store files as JPEG; ImageNet-C has 85. [PNG]")
@click.option("--device", envvar="ROBUSTKIT_DEVICE", metavar="NAME", help="auto, cpu, cuda, cuda:N. [auto]")
@click.option("--resume", is_flag=True, help="Continue the set in --out; finished files are left alone.")
@click.option("--dry-run", is_flag=True, help="Check everything, list the conditions, write nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@json_option
@plugin_options
def command(**options: Any) -> int:
    """Write the images of DATA under perturbations, in the layout of CIFAR-10-C or of ImageNet-C.

    DATA is what 'eval --data' takes: a path or a registered dataset. 'eval --data DIR' reads the set again.

    \b
    robustkit corrupt test.npz -o CIFAR-10-C -p corruptions/common:severity=1..5
    robustkit corrupt imagenet/val -o IMAGENET-C --view resize=256,crop=224 --jpeg 85 -p fog
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    from robustkit.errors import ConfigError

    config = _configure(options)
    host = load_plugins(config.include, options["no_plugin"], options["strict_plugins"])
    if options["dry_run"]:
        return _dry_run(config, host, options["as_json"])
    if not options["out"]:
        raise ConfigError("no folder was given", "name one with -o DIR")
    from robustkit.corrupting import corrupt

    with only_results_on_stdout():
        done = corrupt(
            config, out=Path(options["out"]), resume=options["resume"], host=host, watcher=_Lines(options["quiet"])
        )
    click.echo(json.dumps(_summary(done)) if options["as_json"] else str(done.path))
    return 0


def _configure(options: dict[str, Any]) -> CorruptConfig:
    from robustkit.config.corrupting import parse_corrupting

    given = {key: options[key] for key in _FLAGS if options[key] is not None}
    repeated = {key: list(options[key]) for key in ("perturbation", "include")}
    return parse_corrupting({"data": options["data"], **given, **repeated})


def _dry_run(config: CorruptConfig, host: Host, as_json: bool) -> int:
    from robustkit.engine.corrupt import plan_corruption

    with only_results_on_stdout():
        plan = plan_corruption(config, host)
    conditions = [condition.text for condition in plan.conditions]
    if as_json:
        facts = {"dataset": plan.dataset_name, "samples": len(plan.ids), "layout": plan.layout, "images": plan.total}
        click.echo(json.dumps({**facts, "conditions": conditions}))
        return 0
    for text in conditions:
        click.echo(text)
    size = f", {len(plan.parts) * plan.bytes_of_part / 1e6:.1f} MB" if plan.layout == "npy" else ""
    what = f"{plan.total} images of {plan.dataset_name} in the layout {plan.layout}{size}, on {plan.device}"
    click.echo(f"{len(conditions)} condition(s): {what}", err=True)
    return 0


def _summary(done: CorruptedSet) -> dict[str, Any]:
    parts = done.manifest["parts"]
    return {
        "set": str(done.path),
        "layout": done.manifest["layout"],
        "samples": done.manifest["samples"]["n"],
        "bytes": sum(part["bytes"] for part in parts.values()),
        "parts": parts,
    }


class _Lines:
    """One plain line on stderr now and then."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._total = self._done = 0
        self._spoke = time.monotonic()

    def noted(self, text: str) -> None:
        """Show a note."""
        self._say(f"note: {text}")

    def started(self, total: int) -> None:
        """Show how much there is to do."""
        self._total = total
        if not self._quiet:
            self._say(f"{total} images")

    def written(self, n: int, what: str) -> None:
        """Show how far it is, if nothing was shown for a while, and the end."""
        self._done += n
        late = time.monotonic() - self._spoke >= PAUSE
        if not self._quiet and (late or self._done == self._total):
            self._say(f"[{self._done}/{self._total}] {what}")

    def _say(self, text: str) -> None:
        from robustkit.cli.progress import say

        self._spoke = time.monotonic()
        say(f"robustkit: {text}")
