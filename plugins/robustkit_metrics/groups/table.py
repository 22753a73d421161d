"""Columns of a table in a file: CSV or parquet."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import robustkit

_PARQUET = (".parquet", ".pq")


def read_columns(path: Path, *names: str) -> list[list[Any]]:
    """Return the named columns, in order: strings from CSV, values from parquet.

    Args:
        path: of a `.parquet` file, or of a CSV file (UTF-8, comma, header line).
        names: of columns.

    Raises:
        robustkit.DataError: the file cannot be read, or has no such column.
    """
    table = _read_parquet(path) if path.suffix.lower() in _PARQUET else _read_csv(path)
    for name in names:
        if name not in table:
            listed = ", ".join(f"'{each}'" for each in list(table)[:12]) or "none"
            hint = robustkit.did_you_mean(name, table) or "name one of them"
            raise robustkit.DataError(f"{path}: expected a column '{name}', got {listed}", hint)
    return [table[name] for name in names]


def _read_csv(path: Path) -> Mapping[str, list[Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except OSError as error:
        raise _unreadable(path, error.strerror or error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, f"it is no CSV file in UTF-8: {error}") from error
    header = [name.strip() for name in header]
    if len(set(header)) < len(header):
        raise robustkit.DataError(
            f"{path}: two columns have one name: {', '.join(header)}", "give each a name of its own"
        )
    for place, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise robustkit.DataError(
                f"{path}, line {place}: expected {len(header)} fields, got {len(row)}",
                "quote fields that hold a comma",
            )
    return {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}


def _read_parquet(path: Path) -> Mapping[str, list[Any]]:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
        return {name: table.column(name).to_pylist() for name in table.column_names}
    except OSError as error:
        raise _unreadable(path, error.strerror or error) from error
    except Exception as error:
        # A damaged file can make the reader fail in any way.
        raise _unreadable(path, f"it is no parquet file: {error}") from error


def _unreadable(path: Path, why: object) -> robustkit.DataError:
    return robustkit.DataError(
        f"{path} cannot be read: {' '.join(str(why).split())}", "check the path; relative ones begin where you are"
    )


def as_index(path: Path, column: str, place: int, value: Any) -> int:
    """Return a whole number, at least 0, from a field.

    Args:
        path: for messages.
        column: for messages.
        place: of the row, from 0.
        value: the field.

    Raises:
        robustkit.DataError: it is no such number.
    """
    try:
        number = int(value) if isinstance(value, str) or value == int(value) else -1
    except (TypeError, ValueError, OverflowError):
        number = -1
    if number < 0 or isinstance(value, bool):
        raise robustkit.DataError(
            f"{path}, row {place + 1}: expected a whole number from 0 as '{column}', got {value!r:.40}",
            "ids are the places of the samples in the whole data set, classes those in the list of classes",
        )
    return number
