"""`robustkit describe`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import click

from robustkit.cli.options import json_option, load_plugins, plugin_options
from robustkit.components import Attack, Component

if TYPE_CHECKING:
    from robustkit.host import Entry, Host


@click.command("describe", short_help="Show one component.")
@click.argument("name")
@json_option
@plugin_options
def command(
    name: str, as_json: bool, include: tuple[str, ...], no_plugin: tuple[str, ...], strict_plugins: bool
) -> None:
    """Show a component's summary, parameters with their bounds, source, and a line to paste."""
    entries = _find(load_plugins(include, no_plugin, strict_plugins), name)
    facts = [_facts(entry) for entry in entries]
    if as_json:
        click.echo(json.dumps({"components": facts}))
        return
    click.echo("\n\n".join(_text(fact) for fact in facts))


def _find(host: Host, name: str) -> list[Entry]:
    from robustkit.cli.list import KINDS
    from robustkit.errors import ConfigError, PluginError
    from robustkit.names import did_you_mean

    found = []
    for kind in KINDS:
        try:
            found.append(host.catalog.find(kind, name))
        except PluginError:
            raise
        except ConfigError as error:
            if "ambiguous" in error.message:
                raise
    if not found:
        _refuse_tag(host, name)
        known = [text for entry in host.catalog.all() for text in (entry.qualified, entry.component.name)]
        raise ConfigError(f"unknown component '{name}'", did_you_mean(name, known) or "'robustkit list' shows them")
    return found


def _refuse_tag(host: Host, name: str) -> None:
    from robustkit.errors import ConfigError
    from robustkit.names import normalise

    wanted = normalise(name)
    kinds = {
        e.component.kind for e in host.catalog.all() if wanted in {f"{e.plugin}/{tag}" for tag in e.component.tags}
    }
    if kinds:
        use = f"; -p {wanted} stands for all of them" if "perturbation" in kinds else ""
        raise ConfigError(f"'{name}' is a tag, not a component", f"'robustkit list' shows what carries it{use}")


def _facts(entry: Entry) -> dict[str, Any]:
    from dataclasses import fields

    from robustkit.host.validate import params_schema

    component, schema = entry.component, params_schema(entry)
    shown = {"name", "summary", "target", "params", "resolve", "requires"}
    extra = {field.name: getattr(component, field.name) for field in fields(component) if field.name not in shown}
    return {
        "kind": component.kind,
        "name": entry.qualified,
        "summary": component.summary,
        "dist": entry.dist,
        "version": entry.version,
        "target": component.target
        if isinstance(component.target, str)
        else getattr(component.target, "__qualname__", repr(component.target)),
        **{key: sorted(value) if isinstance(value, frozenset) else value for key, value in extra.items()},
        **_threat_model(component),
        "params": schema,
        "paste": _paste(entry, schema),
    }


def _threat_model(component: Component) -> dict[str, str]:
    """Return how threat model and precision of an attack are given: their keys are not parameters of the attack."""
    from robustkit.config.schema import Precision

    if not isinstance(component, Attack):
        return {}
    return {
        "threat model": f"eps=NUMBER (required), norm={'|'.join(component.norms)}",
        "search": f"{'|'.join(get_args(Precision))} (default: the run's precision)",
    }


def _paste(entry: Entry, schema: Mapping[str, Any]) -> str:
    name = entry.component.name if entry.first_party else entry.qualified
    given = {"perturbation": ["severity=1..5"], "attack": ["eps=8/255"]}.get(entry.component.kind, [])
    given = [*given, *(f"{key}=…" for key in schema.get("required", ()))]
    parameters = f":{','.join(given)}" if given else ""
    lines = {
        "perturbation": f"robustkit eval … -p {name}{parameters}",
        "attack": f"robustkit eval … -a {name}{parameters}",
        "metric": f"robustkit eval … -m {name}{parameters}",
        "model": f"robustkit eval … --model {name}{parameters}",
        "dataset": f"robustkit eval … --data {entry.qualified}{parameters}",
        "trainer": f"robustkit train {name}{parameters} --data … --model …",
        "reporter": f"robustkit report RUN --reporter {name}{parameters}",
        "baseline": f"robustkit report RUN --baseline {name}",
    }
    return lines.get(entry.component.kind, "")


def _text(facts: dict[str, Any]) -> str:
    lines = [f"{facts['kind']} {facts['name']}", f"  {facts['summary']}"]
    skip = {"kind", "name", "summary", "params", "paste"}
    for key, value in facts.items():
        shown = "" if key in skip else _readable(key, value)
        if shown:
            lines.append(f"  {key.replace('_', ' ')}: {shown}")
    parameters = facts["params"].get("properties", {})
    lines.append("  parameters:" if parameters else "  parameters: none")
    for key, schema in parameters.items():
        help_text = " ".join(schema.get("description", "").split())
        lines.append(f"    {key}{_bounds(schema)}  {help_text}".rstrip())
    if facts["paste"]:
        lines.append(f"  use: {facts['paste']}")
    return "\n".join(lines)


def _readable(key: str, value: Any) -> str:
    """Return a fact in words; empty where there is nothing to say."""
    if key == "bounds":
        return "" if value is None else _between(*value)
    if key == "part_bounds":
        together: dict[str, list[str]] = {}
        for part, ends in value.items():
            together.setdefault(_between(*ends) or "any number", []).append(part)
        return "; ".join(f"{ends} ({', '.join(parts)})" for ends, parts in together.items())
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return "" if value in ("", None) else _plain(value)


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"{high:g} or less"
    return f"{low:g} or more" if high is None else f"{low:g} to {high:g}"


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool | None) else str(value)


def _default(value: Any) -> str:
    from robustkit.host.canonical import format_value

    if value in ("", []):
        return "empty"
    return value if isinstance(value, str) else format_value(value)


def _bounds(schema: dict[str, Any]) -> str:
    kinds = schema.get("anyOf", [schema])
    parts = ["|".join(map(str, kind["enum"])) if "enum" in kind else str(kind.get("type", "any")) for kind in kinds]
    names = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
    limits = [f"{sign} {kind[name]:g}" for kind in kinds for name, sign in names.items() if name in kind]
    default = f", default {_default(schema['default'])}" if "default" in schema else ", required"
    return f" ({' or '.join(parts)}{', ' + ', '.join(limits) if limits else ''}{default})"
