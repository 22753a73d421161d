"""How many training samples each class had, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import robustkit
from robustkit_metrics.groups.index import as_index

_FORM = 'write a JSON list with one count a class, an object such as {"0": 500, "1": 12}, or a CSV file: class,count'


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all of its entries: a dict would keep the last of two with one key, in silence."""


def read_class_counts(path: Path) -> dict[int, int]:
    """Return the training samples of each class, by its index.

    Args:
        path: of a `.json` file with a list or an object by class index, or of a CSV or parquet file with the columns
            `class` and `count`.

    Raises:
        robustkit.DataError: the file cannot be read, is empty, or an entry is no whole number from 0, or there twice.
    """
    columns = None if path.suffix.lower() == ".json" else robustkit.read_columns(path, "class", "count")
    rows = _json_rows(path) if columns is None else zip(*columns, strict=True)
    counts: dict[int, int] = {}
    for place, (given, count) in enumerate(rows):
        index = as_index(path, "class", place, given)
        if index in counts:
            raise robustkit.DataError(f"{path}: the class {index} is there twice", "keep one row a class")
        counts[index] = as_index(path, "count", place, count)
    if not counts:
        raise robustkit.DataError(f"{path}: expected a count for each class, got none", _FORM)
    return counts


def _json_rows(path: Path) -> list[tuple[Any, Any]]:
    try:
        found = json.loads(path.read_text("utf-8-sig"), object_pairs_hook=_Pairs)
    except OSError as error:
        raise robustkit.DataError(f"{path} cannot be read: {error.strerror or error}", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise robustkit.DataError(f"{path} cannot be read as JSON: {error}", _FORM) from error
    if isinstance(found, _Pairs):
        return list(found)
    if isinstance(found, list):
        return list(enumerate(found))
    raise robustkit.DataError(f"{path}: expected a list or an object, got {type(found).__name__}", _FORM)
