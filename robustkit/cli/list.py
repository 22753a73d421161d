"""`robustkit list`."""

from __future__ import annotations

import json
from typing import Any

import click

from robustkit.cli.options import json_option, load_plugins, plugin_options

KINDS = ("perturbation", "attack", "metric", "trainer", "model", "dataset", "reporter", "baseline")


@click.command("list", short_help="List components.")
@click.argument("kind", required=False, metavar="[KIND]")
@json_option
@plugin_options
def command(
    kind: str | None, as_json: bool, include: tuple[str, ...], no_plugin: tuple[str, ...], strict_plugins: bool
) -> None:
    """List the components that plugins contribute, all or of one KIND.

    KIND is perturbations, attacks, metrics, trainers, models, datasets, reporters or baselines.
    """
    chosen = _kind(kind)
    entries = load_plugins(include, no_plugin, strict_plugins).catalog.all(chosen)
    rows: list[dict[str, Any]] = [
        {
            "kind": entry.component.kind,
            "name": entry.qualified,
            "summary": entry.component.summary,
            "tags": list(entry.component.tags),
            "dist": entry.dist,
            "version": entry.version,
        }
        for entry in entries
    ]
    if as_json:
        click.echo(json.dumps({"components": rows}))
    elif rows:
        from robustkit.cli.table import render

        columns = ["kind", "name", "tags", "summary"]
        cells = [[row["kind"], row["name"], ", ".join(row["tags"]), row["summary"]] for row in rows]
        click.echo(render(columns, cells), nl=False)
    else:
        click.echo(f"no {chosen or 'component'}s", err=True)


def _kind(text: str | None) -> str | None:
    from robustkit.errors import ConfigError
    from robustkit.names import did_you_mean

    if text is None:
        return None
    singular = text.lower().rstrip("s")
    if singular not in KINDS:
        plurals = [f"{kind}s" for kind in KINDS]
        raise ConfigError(f"unknown kind '{text}'", did_you_mean(text, plurals) or f"one of {', '.join(plurals)}")
    return singular
