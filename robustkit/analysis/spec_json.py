"""Specs as JSON, both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from robustkit.errors import DataError

T = TypeVar("T")


def spec_to_json(spec: Any) -> str:
    """Return a spec as JSON text; equal specs give equal text.

    >>> from robustkit.analysis.specs import Omission
    >>> spec_to_json(Omission(figure="cka", reason="no such rows")).split()
    ['{', '"figure":', '"cka",', '"reason":', '"no', 'such', 'rows"', '}']
    """
    return json.dumps(asdict(spec), indent=1, allow_nan=False, ensure_ascii=False)


def spec_from_json(kind: type[T], text: str) -> T:
    """Return the spec that `spec_to_json` wrote.

    Args:
        kind: `FigureSpec`, `TableSpec`, `Report` …
        text: what `spec_to_json` returned.

    Raises:
        DataError: the text is not JSON, or not of this kind.
    """
    try:
        read: T = _read(kind, json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"expected a {kind.__name__} as JSON: {type(error).__name__}: {error}", "robustkit's reporters write them"
        ) from error
    return read


def _read(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return _read_object(kind, value)
    if get_origin(kind) is tuple:
        items = get_args(kind)
        same = items[-1] is Ellipsis
        return tuple(_read(items[0] if same else items[place], item) for place, item in enumerate(value))
    if isinstance(kind, UnionType) and value is not None:
        return _read(next(option for option in get_args(kind) if option is not type(None)), value)
    return float(value) if kind is float else value


def _read_object(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{kind.__name__} must be an object, got {value!r:.40}")
    unknown = sorted(set(value) - {field.name for field in fields(kind)})
    if unknown:
        raise KeyError(f"{kind.__name__} has no '{unknown[0]}'")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], item) for name, item in value.items()})
