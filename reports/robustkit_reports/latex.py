r"""Tables for LaTeX: booktabs, ready for \input, nothing else needed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustkit import NoParams, Report, TableCell, TableColumn, TableSpec, write_atomically
from robustkit_reports.printing import DASH, interval_text, number_text

WIDEST = 7
"""With more columns of numbers than these a table lies on its side, if that makes it narrower."""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    DASH: "--",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "·": r"$\cdot$",
}


@dataclass(frozen=True)
class LatexTables:
    r"""Writes `tables/ID.tex`, for each study the main table and those of corruption errors.

    `\usepackage{booktabs}` and `\input` are all it takes.
    """

    params: NoParams

    def __call__(self, report: Report, folder: Path) -> list[Path]:
        """Write the tables and return the files.

        Raises:
            robustkit.RunError: a file cannot be written.
        """
        paths = []
        for study in report.studies:
            for table in study.tables:
                if table.id.startswith(("results", "corruption-error")):
                    paths.append(folder / "tables" / f"{table.id}.tex")
                    write_atomically(paths[-1], to_latex(table).encode())
        return paths


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it is.

    >>> print(escape("a_b & 5 %"))
    a\_b \& 5 \%
    """
    escaped = "".join(_ESCAPES.get(sign, sign) for sign in unicodedata.normalize("NFC", text))
    # Two hyphens would become a dash; after a line's end a bracket or a star would be taken as an argument.
    escaped = escaped.replace(" -- ", " \0 ").replace("--", "-{}-").replace("\0", "--")
    return f"{{}}{escaped}" if escaped[:1] in ("[", "*") else escaped


def to_latex(table: TableSpec) -> str:
    """Return the table as LaTeX: best bold, second underlined, intervals small beside their number."""
    heads = [_head(column) for column in table.columns]
    lines = [[_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]
    if _lies(table):
        heads, *lines = [list(column) for column in zip(heads, *lines, strict=True)]
    align = "l" + "r" * (len(heads) - 1)
    body = "\n".join(" & ".join(line) + r" \\" for line in lines)
    return "\n".join(
        [
            "% Written by robustkit. Needs \\usepackage{booktabs}.",
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{escape(table.caption)}}}",
            rf"\label{{tab:{table.id}}}",
            r"\small",
            rf"\begin{{tabular}}{{@{{}}{align}@{{}}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            body,
            r"\bottomrule",
            r"\end{tabular}",
            *_notes(table.notes),
            r"\end{table}",
            "",
        ]
    )


def _lies(table: TableSpec) -> bool:
    numbers = sum(column.form != "text" for column in table.columns)
    return numbers > WIDEST and len(table.rows) < numbers


def _notes(notes: Sequence[str]) -> list[str]:
    return [rf"\par\smallskip{{\footnotesize {escape(' '.join(_sentence(note) for note in notes))}}}"] if notes else []


def _sentence(note: str) -> str:
    return note if note.endswith(".") else f"{note}."


def _head(column: TableColumn) -> str:
    return escape(column.title)


def _cell(cell: TableCell, column: TableColumn) -> str:
    if column.form == "text":
        return escape(cell.text)
    text = escape(number_text(cell.value, column)).replace("-", "$-$") if cell.value is not None else "--"
    marked = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[cell.rank]
    interval = interval_text(cell, column)
    return rf"{marked} {{\scriptsize {interval}}}" if interval else marked
