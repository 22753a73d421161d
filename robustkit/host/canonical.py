"""The canonical string of a component with its parameters: what results, manifests and cell keys carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from robustkit.config.shorthand import parse_value
from robustkit.host.catalog import Entry

_SPECIAL = frozenset(',=[]"')


def canonical_name(entry: Entry, params: Any, *, before: Mapping[str, Any] | None = None, **after: float) -> str:
    """Return `plugin/name:key=value,…` with every parameter, sorted; the shorthand reads it back.

    Args:
        entry: the component.
        params: its validated parameters.
        before: further entries that are sorted among the parameters.
        after: further numbers that come last.
    """
    values = {field.name: getattr(params, field.name) for field in fields(params)} | dict(before or {})
    items = [f"{key.replace('_', '-')}={format_value(values[key])}" for key in sorted(values)]
    items += [
        f"{key}={value:g}" if float(f"{value:g}") == value else f"{key}={value!r}" for key, value in after.items()
    ]
    return f"{entry.qualified}:{','.join(items)}" if items else entry.qualified


def short_name(entry: Entry, params: Any) -> str:
    """Return `plugin/name:key=value,…` with the parameters alone that are not at their defaults.

    Two choices of one component have the same short name where they have the same canonical one.

    Args:
        entry: the component.
        params: its validated parameters.
    """
    given = {field.name: getattr(params, field.name) for field in fields(params)}
    told = [field.name for field in fields(params) if given[field.name] != _default(field)]
    items = [f"{name.replace('_', '-')}={format_value(given[name])}" for name in sorted(told)]
    return f"{entry.qualified}:{','.join(items)}" if items else entry.qualified


def _default(field: Field[Any]) -> Any:
    """Return a parameter's default; where it must be given, what equals no value."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def format_value(value: Any) -> str:
    """Return how a parameter is written: the shortest form that reads back exactly, n/255 where papers write so.

    >>> format_value(8 / 255), format_value(0.1), format_value(3.0), format_value(None), format_value((1, 2.5))
    ('8/255', '0.1', '3', 'none', '[1,2.5]')
    >>> format_value("cifar"), format_value("none"), format_value("a,b")
    ('cifar', '"none"', '"a,b"')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(format_value(item) for item in value) + "]"
    if isinstance(value, str):
        plain = value and value == value.strip() and not _SPECIAL & set(value) and parse_value(value) == value
        return value if plain else json.dumps(value)
    return _format_float(value) if isinstance(value, float) else str(value)


def _format_float(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    grey_levels = round(value * 255) if abs(value) < 1 else 0
    if len(repr(value)) > 8 and 0 < grey_levels < 255 and grey_levels / 255 == value:
        return f"{grey_levels}/255"
    return repr(value)
