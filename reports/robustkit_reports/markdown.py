"""The verdict and the main tables as Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from robustkit import NoParams, Report, Study, TableCell, TableColumn, TableSpec, write_atomically
from robustkit_reports.printing import heading, interval_text, number_text


@dataclass(frozen=True)
class Markdown:
    """Writes `report.md`."""

    params: NoParams

    def __call__(self, report: Report, folder: Path) -> list[Path]:
        """Write the file and return it.

        Raises:
            robustkit.RunError: the file cannot be written.
        """
        path = folder / "report.md"
        parts = [_study(study) for study in report.studies]
        parts += [f"**Failures**\n\n{to_markdown(report.failures)}"] if report.failures.rows else []
        parts += ["\n".join(f"* {escape(text)}" for text in (*report.caveats, *report.notes))]
        write_atomically(path, ("\n\n".join(part for part in parts if part) + "\n").encode())
        return [path]


def _study(study: Study) -> str:
    verdict = "\n".join(f"* **{escape(each.about)}:** {escape(each.text)}" for each in study.verdict)
    tables = [f"{to_markdown(table)}\n\n{escape(table.caption)}" for table in study.tables[:1]]
    return "\n\n".join([f"## {escape(study.dataset)}, {study.samples:,} samples", verdict, *tables])


def escape(text: str) -> str:
    r"""Return text that Markdown prints as it is, on one line.

    >>> print(escape("a_b <i> |"))
    a\_b \<i\> \|
    """
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def to_markdown(table: TableSpec) -> str:
    """Return the table in GitHub's form: best bold, second underlined."""
    rows = [
        [escape(heading(column)) for column in table.columns],
        ["---" if column.form == "text" else "--:" for column in table.columns],
        *([_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(cell: TableCell, column: TableColumn) -> str:
    if column.form == "text":
        return escape(cell.text)
    text = number_text(cell.value, column)
    marked = {"best": f"**{text}**", "second": f"<u>{text}</u>", "": text}[cell.rank]
    return f"{marked} {escape(interval_text(cell, column))}".strip()
