"""Tables that users write: CSV or parquet."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustkit.errors import DataError
from robustkit.names import did_you_mean

_PARQUET = (".parquet", ".pq")


def read_table(path: Path) -> Mapping[str, list[Any]]:
    """Return all columns of a table by name, in order: strings from CSV, values from parquet.

    Args:
        path: of a `.parquet` file, or of a CSV file (UTF-8, comma, header line).

    Raises:
        DataError: the file cannot be read, or two columns have one name.
    """
    return _read_parquet(path) if path.suffix.lower() in _PARQUET else _read_csv(path)


def read_columns(path: Path, *names: str) -> list[list[Any]]:
    """Return the named columns, in order: strings from CSV, values from parquet.

    Args:
        path: of a `.parquet` file, or of a CSV file (UTF-8, comma, header line).
        names: of columns.

    Raises:
        DataError: the file cannot be read, or has no such column.
    """
    table = read_table(path)
    for name in names:
        if name not in table:
            listed = ", ".join(f"'{each}'" for each in list(table)[:12]) or "none"
            hint = did_you_mean(name, table) or "name one of them"
            raise DataError(f"{path}: expected a column '{name}', got {listed}", hint)
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
        raise DataError(f"{path}: two columns have one name: {', '.join(header)}", "give each a name of its own")
    for place, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataError(
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


def _unreadable(path: Path, why: object) -> DataError:
    return DataError(
        f"{path} cannot be read: {' '.join(str(why).split())}", "check the path; relative ones begin where you are"
    )
