"""Checks declarations when a plugin registers, and parameters when a component is used."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from robustkit.components import (
    Attack,
    Baseline,
    Component,
    Dataset,
    Metric,
    Model,
    Norm,
    Perturbation,
    Reporter,
    Target,
    Trainer,
)
from robustkit.errors import ConfigError, PluginError, RobustkitError
from robustkit.host.catalog import Entry
from robustkit.host.refusal import refusal
from robustkit.names import did_you_mean, is_valid, normalise

DECLARED_BY: dict[str, type[Component]] = {
    "robustkit_perturbations": Perturbation,
    "robustkit_attacks": Attack,
    "robustkit_metrics": Metric,
    "robustkit_trainers": Trainer,
    "robustkit_models": Model,
    "robustkit_datasets": Dataset,
    "robustkit_reporters": Reporter,
    "robustkit_baselines": Baseline,
}
RESERVED = frozenset({"name", "severity", "eps", "norm", "source"})
"""Keys of a condition that are not the component's own."""

NORMS = get_args(Norm)
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def check_declaration(hook: str, component: Any) -> None:
    """Check what can be checked without importing the implementation.

    Raises:
        PluginError: naming the hook, the field and what is expected.
    """
    expected = DECLARED_BY[hook]
    if not isinstance(component, expected):
        raise PluginError(
            f"{hook}() must return robustkit.{expected.__name__} objects, got {component!r:.80}",
            "'robustkit/hookspecs.py' has an example of each hook",
        )
    if not isinstance(component.name, str) or not is_valid(component.name):
        raise PluginError(
            f"{hook}(): the name {component.name!r} is not lower-case words joined by '-'",
            f"for example '{normalise(re.sub(r'[^A-Za-z0-9]+', '-', str(component.name))).strip('-')}'",
        )
    for field in ("summary", "citation"):
        if not isinstance(getattr(component, field), str):
            raise PluginError(f"{hook}(): the {field} of '{component.name}' must be a string", "quote it")
    _check_target(hook, component.name, component.target)
    _check_severities(hook, component)
    for other in (getattr(component, "resolve", None), component.requires):
        if other is not None:
            _check_target(hook, component.name, other)
    if not is_dataclass(component.params) or not isinstance(component.params, type):
        raise PluginError(
            f"{hook}(): the params of '{component.name}' must be a class decorated with robustkit.params",
            "decorate it with @robustkit.params",
        )
    _check_names_it_may_use(hook, component)


def _check_names_it_may_use(hook: str, component: Component) -> None:
    # What is no condition has no strength that robustkit reads: a metric may be told at which eps.
    taken = RESERVED if component.kind in ("perturbation", "attack") else {"name"}
    reserved = sorted(taken & {field.name for field in fields(component.params)})
    if reserved:
        raise PluginError(
            f"{hook}(): '{component.name}' may not have a parameter called '{reserved[0]}'",
            f"robustkit itself reads {', '.join(sorted(taken))}",
        )
    norms = getattr(component, "norms", ())
    if not set(norms) <= set(NORMS):
        raise PluginError(
            f"{hook}(): '{component.name}' has the norms {', '.join(norms)}", f"robustkit knows {', '.join(NORMS)}"
        )


def _check_severities(hook: str, component: Component) -> None:
    severities = getattr(component, "severities", (1,))
    if not isinstance(severities, tuple) or not severities or not all(isinstance(each, int) for each in severities):
        raise PluginError(
            f"{hook}(): the severities of '{component.name}' must be a tuple of whole numbers, got {severities!r:.60}",
            "for example (1, 2, 3, 4, 5)",
        )
    if not isinstance(getattr(component, "stream_version", 1), int):
        raise PluginError(f"{hook}(): the stream_version of '{component.name}' must be a whole number", "start at 1")


def _check_target(hook: str, name: str, target: Target) -> None:
    if not callable(target) and not (isinstance(target, str) and _TARGET.fullmatch(target)):
        raise PluginError(
            f"{hook}(): the target of '{name}' must be 'package.module:attribute', got {target!r:.80}",
            "or the object itself",
        )


def resolve_target(entry: Entry, target: Target | None = None) -> Any:
    """Return the object that a declaration's target (or the given one) names, importing it now.

    Raises:
        PluginError: it cannot be imported or is not there.
    """
    target = entry.component.target if target is None else target
    if not isinstance(target, str):
        return target
    module_name, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise PluginError(
            f"{entry.component.kind} '{entry.qualified}' is declared but cannot be imported from '{target}': {cause}",
            f"mend or update the plugin {entry.dist or entry.plugin}",
        ) from error
    return found


def parse_params(entry: Entry, raw: Mapping[str, Any]) -> Any:
    """Return the component's validated parameters.

    Strings from the command line are coerced (`"0.2"` to 0.2); `_` and `-` in keys are equal.

    Raises:
        ConfigError: an unknown key, a missing one, or a value outside its bounds.
    """
    from pydantic import TypeAdapter, ValidationError

    declared = entry.component.params
    known = [field.name for field in fields(declared)]
    values: dict[str, Any] = {}
    for key, value in raw.items():
        name = normalise(key).replace("-", "_")
        if name not in known:
            near = did_you_mean(name, [*known, *sorted(RESERVED)])
            hint = near or (f"it takes {', '.join(known)}" if known else "it takes none")
            raise ConfigError(f"{entry.component.kind} '{entry.qualified}' has no parameter '{key}'", hint)
        if name in values:
            raise ConfigError(
                f"{entry.component.kind} '{entry.qualified}': '{key}' is given twice", "give each parameter once"
            )
        values[name] = _as_text(entry, name, value) if name in _text_fields(declared) else value
    try:
        return TypeAdapter(declared).validate_python(values)
    except ValidationError as error:
        raise refusal(entry, error.errors()) from error


def _text_fields(declared: type) -> set[str]:
    """Return the parameters that are texts, alone or several, and may not be numbers."""
    found = {name: _leaves(hint) for name, hint in get_type_hints(declared).items()}
    return {name for name, leaves in found.items() if str in leaves and not leaves & {int, float}}


def _leaves(hint: Any) -> set[Any]:
    parts = get_args(hint)
    return {leaf for part in parts for leaf in _leaves(part)} if parts else {hint}


def _as_text(entry: Entry, name: str, value: Any) -> Any:
    """Return whole numbers as the texts that the user wrote: names may be numbers, such as those of layers.

    Raises:
        ConfigError: another number, whose text is lost: 1.10 is 1.1.
    """
    if isinstance(value, list | tuple):
        return [_as_text(entry, name, item) for item in value]
    if isinstance(value, float):
        raise ConfigError(
            f"{entry.component.kind} '{entry.qualified}', parameter '{name}': expected a text, got the number {value}",
            f"if it is a name, write it in quotes that the shell leaves: '{entry.component.name}:{name}=\"1.10\"'",
        )
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def resolve_params(entry: Entry, parsed: Any, given: Any) -> Any:
    """Return the parameters with what depends on the data or the threat model made concrete.

    Args:
        entry: a perturbation, an attack or a metric.
        parsed: its validated parameters.
        given: the threat model for an attack, (C, H, W) of the images for the others.

    Raises:
        PluginError: the component's `resolve` cannot be imported or fails.
    """
    resolve = getattr(entry.component, "resolve", None)
    if resolve is None:
        return parsed
    function = resolve_target(entry, resolve)
    try:
        resolved = function(parsed, given)
    except RobustkitError:
        raise
    except Exception as error:
        raise PluginError(
            f"{entry.component.kind} '{entry.qualified}': resolve failed: {type(error).__name__}: {error}",
            f"mend or update the plugin {entry.dist or entry.plugin}",
        ) from error
    if not isinstance(resolved, entry.component.params):
        raise PluginError(
            f"{entry.component.kind} '{entry.qualified}': resolve must return {entry.component.params.__name__}, "
            f"got {type(resolved).__name__}",
            f"mend or update the plugin {entry.dist or entry.plugin}",
        )
    return resolved


def find_requirements(entry: Entry) -> str:
    """Return what a component found of the files and packages that it needs; empty where it needs none.

    Raises:
        PluginError: its `requires` cannot be imported or fails.
        RobustkitError: they are not there.
    """
    requires = entry.component.requires
    if requires is None:
        return ""
    function = resolve_target(entry, requires)
    try:
        return str(function())
    except RobustkitError:
        raise
    except Exception as error:
        raise PluginError(
            f"{entry.component.kind} '{entry.qualified}': requires failed: {type(error).__name__}: {error}",
            f"mend or update the plugin {entry.dist or entry.plugin}",
        ) from error


def params_schema(entry: Entry) -> dict[str, Any]:
    """Return the JSON schema of the component's parameters."""
    from pydantic import TypeAdapter

    declared = entry.component.params
    schema = TypeAdapter(declared).json_schema()
    # pydantic reads the help below the fields of the class itself, not below those that it inherits.
    for base in filter(is_dataclass, declared.__mro__[1:]):
        for name, facts in TypeAdapter(base).json_schema().get("properties", {}).items():
            schema["properties"][name] = {**facts, **schema["properties"][name]}
    return schema


def build(entry: Entry, raw: Mapping[str, Any] | Any, *arguments: Any) -> Any:
    """Return the implementation: the target called with parameters, which are validated if they are a mapping.

    Args:
        entry: the component.
        raw: its parameters, validated or not.
        arguments: what the target of this kind of component takes besides: the model, for a trainer.

    Raises:
        ConfigError: the parameters are wrong.
        PluginError: the implementation cannot be imported or fails to construct.
    """
    parameters = parse_params(entry, raw) if isinstance(raw, Mapping) else raw
    target = resolve_target(entry)
    try:
        return target(parameters, *arguments)
    except RobustkitError:
        raise
    except Exception as error:
        raise PluginError(
            f"{entry.component.kind} '{entry.qualified}' failed to construct: {type(error).__name__}: {error}",
            f"parameters: {parameters}",
        ) from error
