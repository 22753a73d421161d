"""`robustkit plugins`."""

from __future__ import annotations

import json
from typing import Any

import click

from robustkit.cli.options import json_option, load_plugins, plugin_options


@click.command("plugins", short_help="List plugins.")
@json_option
@plugin_options
def command(as_json: bool, include: tuple[str, ...], no_plugin: tuple[str, ...], strict_plugins: bool) -> None:
    """List the plugins that were found, what they contribute, and why a broken one is broken."""
    host = load_plugins(include, no_plugin, strict_plugins)
    rows: list[dict[str, Any]] = [
        {
            "name": record.source.name,
            "dist": record.source.dist,
            "version": record.source.version,
            "origin": record.source.origin,
            "editable": record.source.editable,
            "status": record.status,
            "error": record.error,
            "hooks": list(record.hooks),
            "components": list(record.components),
            "load_ms": round(record.load_ms, 1),
            "heavy_imports": list(record.heavy),
        }
        for record in host.records
    ]
    if as_json:
        click.echo(json.dumps({"plugins": rows}))
        return
    from robustkit.cli.table import render

    columns = ["name", "distribution", "version", "status", "components", "error"]
    lines = [
        [
            row["name"],
            row["dist"] or row["origin"],
            row["version"][:19],
            row["status"],
            str(len(row["components"])),
            row["error"],
        ]
        for row in rows
    ]
    click.echo(render(columns, lines), nl=False)
