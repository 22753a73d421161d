"""Tables as CSV: all digits, names in full, the ends of intervals in columns of their own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robustkit import NoParams, Report, TableCell, TableColumn, TableSpec, write_atomically


@dataclass(frozen=True)
class CsvTables:
    """Writes `tables/ID.csv`: every table of every study, the failures, the trust checks."""

    params: NoParams

    def __call__(self, report: Report, folder: Path) -> list[Path]:
        """Write the tables and return the files.

        Raises:
            robustkit.RunError: a file cannot be written.
        """
        tables = [table for study in report.studies for table in study.tables]
        tables += [report.failures] if report.failures.rows else []
        tables += [report.trust] if report.trust else []
        paths = []
        for table in tables:
            paths.append(folder / "tables" / f"{table.id}.csv")
            write_atomically(paths[-1], to_csv(table).encode())
        return paths


def to_csv(table: TableSpec) -> str:
    """Return the table as CSV. Shares stay shares, undefined numbers are empty, headings are names in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    has_interval = [any(row[place].low is not None for row in table.rows) for place, column in enumerate(table.columns)]
    writer.writerow(
        [name for column, ends in zip(table.columns, has_interval, strict=True) for name in _names(column, ends)]
    )
    for row in table.rows:
        cells = zip(row, table.columns, has_interval, strict=True)
        writer.writerow([value for cell, column, ends in cells for value in _values(cell, column, ends)])
    return text.getvalue()


def _names(column: TableColumn, ends: bool) -> Iterator[str]:
    name = column.full or column.title
    yield name
    if ends:
        yield f"{name} ci_low"
        yield f"{name} ci_high"


def _values(cell: TableCell, column: TableColumn, ends: bool) -> Iterator[str]:
    if column.form == "text":
        yield cell.full or cell.text
        return
    yield "" if cell.value is None else f"{cell.value:.0f}" if column.form == "integer" else repr(cell.value)
    if ends:
        yield from ("" if end is None else repr(end) for end in (cell.low, cell.high))
