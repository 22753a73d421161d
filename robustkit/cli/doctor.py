"""`robustkit doctor`."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.options import json_option
from robustkit.errors import RobustkitError

if TYPE_CHECKING:
    from robustkit.host import Host

LIBRARIES = (
    "robustkit",
    "torch",
    "numpy",
    "scipy",
    "pyarrow",
    "pluggy",
    "pydantic",
    "click",
    "rich",
    "pillow",
    "safetensors",
)


@click.command("doctor", short_help="Check plugins and environment.")
@click.option("--check", is_flag=True, help="Also import every component's implementation and ask torch for devices.")
@click.option("--include", multiple=True, metavar="FILE.py", help="Check an unpackaged plugin too. Repeatable.")
@click.option("--no-plugin", multiple=True, metavar="NAME", help="Leave out a plugin or distribution. Repeatable.")
@json_option
def command(check: bool, include: tuple[str, ...], no_plugin: tuple[str, ...], as_json: bool) -> int:
    """Check the environment and every plugin; exit with 3 if anything is wrong.

    Files and packages that single components need and that do not come with robustkit are named, there or not.
    """
    from robustkit.host.discover import included_source
    from robustkit.host.manager import load_host_from_environment

    host = load_host_from_environment(block=no_plugin, strict=False)
    from pathlib import Path

    for path in include:
        host.load(included_source(Path(path)))
    problems = [*_libraries_missing(), *_plugin_problems(host)]
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "libraries": _versions(),
        "requirements": _requirements(host),
    }
    if check:
        problems += _broken_targets(host)
        facts["devices"] = _devices()
    if as_json:
        click.echo(json.dumps({**facts, "plugins": len(host.records), "problems": problems}))
    else:
        _print(facts, host, problems)
    return 3 if problems else 0


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _libraries_missing() -> list[dict[str, str]]:
    return [
        {"where": name, "problem": "is not installed", "details": "", "advice": f"pip install {name}"}
        for name, version in _versions().items()
        if version is None
    ]


def _plugin_problems(host: Host) -> list[dict[str, str]]:
    problems = []
    for record in host.records:
        where = f"plugin {record.source.identity}"
        if record.status in ("failed", "incompatible"):
            advice = f"mend or uninstall it, or leave it out with --no-plugin {record.source.name}"
            problems.append({"where": where, "problem": record.error, "details": record.details, "advice": advice})
        elif record.heavy:
            problems.append(
                {
                    "where": where,
                    "problem": f"its declarations import {', '.join(record.heavy)}, which makes every command slow",
                    "details": "",
                    "advice": "move such imports into the modules that 'target' names",
                }
            )
    return problems


def _broken_targets(host: Host) -> list[dict[str, str]]:
    from robustkit.host.validate import params_schema, resolve_target

    problems = []
    for entry in host.catalog.all():
        try:
            resolve_target(entry)
            params_schema(entry)
        except RobustkitError as error:
            problems.append({"where": entry.qualified, "problem": error.message, "details": "", "advice": error.hint})
        except Exception as error:
            problem = f"its parameters cannot be described: {type(error).__name__}: {error}"
            problems.append(
                {"where": entry.qualified, "problem": problem, "details": "", "advice": "mend the params class"}
            )
    return problems


def _requirements(host: Host) -> list[dict[str, str | None]]:
    """Return what components need that does not come with their plugins, and whether it is there."""
    from robustkit.host.validate import find_requirements

    rows: list[dict[str, str | None]] = []
    for entry in host.catalog.all():
        if entry.component.requires is None:
            continue
        try:
            row = {"found": find_requirements(entry), "missing": None, "advice": None}
        except RobustkitError as error:
            row = {"found": None, "missing": error.message, "advice": error.hint}
        rows.append({"component": entry.qualified, **row})
    return rows


def _devices() -> list[str]:
    import torch

    gpus = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return [f"cpu ({torch.get_num_threads()} threads)", *gpus]


def _print(facts: dict[str, Any], host: Host, problems: list[dict[str, str]]) -> None:
    click.echo(f"python {facts['python']}")
    click.echo("libraries: " + ", ".join(f"{name} {version}" for name, version in facts["libraries"].items()))
    for device in facts.get("devices", []):
        click.echo(f"device: {device}")
    for record in host.records:
        click.echo(
            f"plugin {record.source.name}: {record.status}, {len(record.components)} component(s), "
            f"{record.load_ms:.0f} ms"
        )
    for row in facts["requirements"]:
        click.echo(f"{row['component']}: {row['found'] or 'cannot be used: ' + row['missing']}")
        if row["advice"]:
            click.echo(f"  advice: {row['advice']}")
    for problem in problems:
        click.echo(f"\nPROBLEM {problem['where']}: {problem['problem']}")
        if problem["advice"]:
            click.echo(f"  advice: {problem['advice']}")
        for line in problem["details"].splitlines():
            click.echo(f"  | {line}")
    click.echo("\nno problem found" if not problems else f"\n{len(problems)} problem(s)")
