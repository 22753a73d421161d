"""Tables as LaTeX, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from robustkit import NoParams, Report, TableCell, TableColumn, TableSpec
from robustkit_reports.csv_tables import CsvTables, to_csv
from robustkit_reports.latex import LatexTables, escape, to_latex
from robustkit_reports.markdown import Markdown, to_markdown


@pytest.fixture
def table(report: Report) -> TableSpec:
    return report.studies[0].tables[0]


# What TeX must be given for each of its ten special characters; LaTeX Companion, 2nd edition, section 2.1.
@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        ("_", r"\_"),
        ("%", r"\%"),
        ("&", r"\&"),
        ("#", r"\#"),
        ("$", r"\$"),
        ("{", r"\{"),
        ("}", r"\}"),
        ("~", r"\textasciitilde{}"),
        ("^", r"\textasciicircum{}"),
        ("\\", r"\textbackslash{}"),
    ],
)
def test_latex_prints_special_characters(sign: str, expected: str) -> None:
    assert escape(f"a{sign}b") == f"a{expected}b"


def test_latex_prints_what_would_be_an_argument_or_a_ligature() -> None:
    # A line of a table that begins with a bracket would be taken as an argument of the line's end before it.
    assert escape("[x] --y") == "{}[x] -{}-y"


def test_the_latex_table_has_rules_marks_dashes_and_as_many_cells_as_columns(table: TableSpec) -> None:
    text = to_latex(table)
    for word in (r"\toprule", r"\midrule", r"\bottomrule", r"\textbf{90.0} {\scriptsize [86.1, 92.9]}"):
        assert word in text
    assert r"\underline{70.0}" in text
    assert r"a\_b\%c\&d\#e\$f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k & -- \\" in text
    rows = re.findall(r"^(.*) \\\\$", text, re.MULTILINE)
    assert all(len(re.findall(r"(?<!\\)&", row)) == 1 for row in rows)
    assert len(rows) == 5


def test_braces_of_the_latex_table_are_balanced(table: TableSpec) -> None:
    bare = re.sub(r"\\[{}\\]", "", to_latex(table))
    assert bare.count("{") == bare.count("}")


def test_a_wide_table_lies_on_its_side() -> None:
    columns = (TableColumn(title="model"), *(TableColumn(title=f"c{place}", form="percent") for place in range(9)))
    rows = tuple((TableCell(text=name), *(TableCell(value=0.5) for _ in range(9))) for name in ("left", "right"))
    text = to_latex(TableSpec(id="results", title="", caption="", columns=columns, rows=rows))
    assert "model & left & right" in text
    assert r"c8 & 50 & 50 \\" in text


def test_csv_has_all_digits_names_in_full_and_empty_cells_for_undefined_values(table: TableSpec) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(table))))
    assert rows[0] == ["model", "clean, in full", "clean, in full ci_low", "clean, in full ci_high"]
    assert rows[1] == ["standard", "0.9", "0.861", "0.929"]
    assert rows[3][1:] == ["", "", ""]
    assert rows[4][1] == "0.0"


def test_markdown_keeps_names_as_text(table: TableSpec) -> None:
    text = to_markdown(table)
    assert "<script>" not in text
    assert "| **90.0** \\[86.1, 92.9\\] |" in text
    assert "| – |" in text
    awkward = replace(table, rows=((TableCell(text="a|b"), TableCell(value=1.0)),))
    assert len(re.findall(r"(?<!\\)\|", to_markdown(awkward).splitlines()[2])) == 3


def test_files_are_written_below_the_folder(report: Report, tmp_path: Path) -> None:
    files = [
        *LatexTables(NoParams())(report, tmp_path),
        *CsvTables(NoParams())(report, tmp_path),
        *Markdown(NoParams())(report, tmp_path),
    ]
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "tables/results.tex",
        "tables/results.csv",
        "tables/failures.csv",
        "report.md",
    ]
    assert all(path.is_file() for path in files)
