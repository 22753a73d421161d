"""The contract of a reporter, one check a clause."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from robustkit.analysis.report.written import written_files
from robustkit.analysis.spec_json import spec_to_json
from robustkit.analysis.specs import (
    Axis,
    FigureSpec,
    Finding,
    Omission,
    Panel,
    Point,
    Report,
    Series,
    Study,
    TableCell,
    TableColumn,
    TableSpec,
)
from robustkit.components import Reporter
from robustkit.protocols import ReportWriter
from robustkit.testing.watch import require, working

Factory = Callable[[], ReportWriter]

_NAMES = ("standard", "<b>a_b</b> & $c$ 100%", "模型, a name that is much too long for any figure or table")


def check_files(factory: Factory, declaration: Reporter) -> None:
    """It writes below the folder that it is given and returns a list of the files, whatever there is to report."""
    for report in (sample_report(), _empty_report()):
        with TemporaryDirectory() as folder:
            _write(factory, declaration, report, Path(folder))


def check_bytes(factory: Factory, declaration: Reporter) -> None:
    """The same report gives the same files with the same bytes, wherever they are written."""
    found = []
    for _ in range(2):
        with TemporaryDirectory() as folder:
            paths = _write(factory, declaration, sample_report(), Path(folder))
            found.append({path.as_posix(): (Path(folder) / path).read_bytes() for path in paths})
    require(found[0].keys() == found[1].keys(), f"{declaration.name}: other files the second time: {[*found[1]]}")
    other = [name for name, content in found[0].items() if found[1][name] != content]
    require(not other, f"{declaration.name}: other bytes the second time in {', '.join(other)}")


def check_report_unchanged(factory: Factory, declaration: Reporter) -> None:
    """The report is left as it is."""
    report = sample_report()
    before = spec_to_json(report)
    with TemporaryDirectory() as folder:
        _write(factory, declaration, report, Path(folder))
    with working(f"{declaration.name}: the report after it, as JSON,"):
        after = spec_to_json(report)
    require(after == before, f"{declaration.name} changes the report, which others are given too")


def check_working_directory(factory: Factory, declaration: Reporter) -> None:
    """The working directory is left as it is."""
    before = Path.cwd()
    try:
        with TemporaryDirectory() as folder:
            _write(factory, declaration, sample_report(), Path(folder))
        after = Path.cwd()
    finally:
        os.chdir(before)
    require(after == before, f"{declaration.name} changes the working directory; write below the folder that is given")


REPORTER_CHECKS = (check_files, check_bytes, check_report_unchanged, check_working_directory)
"""Every check of `check_reporter`, to be run one by one."""


def check_reporter(factory: Factory, declaration: Reporter) -> None:
    """Raise AssertionError at the first clause of the contract that a reporter breaks.

    Args:
        factory: makes the reporter anew: `lambda: MyReporter(MyParams())`.
        declaration: what the plugin declares for it.
    """
    for check in REPORTER_CHECKS:
        check(factory, declaration)


def _write(factory: Factory, declaration: Reporter, report: Report, folder: Path) -> list[Path]:
    with working(f"{declaration.name}:"):
        return written_files(declaration.name, factory()(report, folder.resolve()), folder.resolve())


def sample_report() -> Report:
    """Return a small report: both kinds of panel, awkward names, an undefined value, a failure, an alert."""
    verdict = (
        Finding(about="not finished", text="Run r did not finish.", kind="alert"),
        Finding(about="clean", text=f"{_NAMES[1]} leads."),
        Finding(about="caution", text="An upper bound.", kind="caution"),
    )
    figures = (_figure("tradeoff", "scatter"), _figure("severity", "line"))
    omitted = (Omission(figure="cka", reason="not measured"),)
    study = replace(
        _empty_study(), verdict=verdict, figures=figures, omitted=omitted, tables=(_table(),), notes=("A note",)
    )
    failed = tuple(TableCell(text=text) for text in ("r", _NAMES[1], "clean", "0", "no memory"))
    empty = _empty_report()
    failures = replace(empty.failures, rows=(failed,))
    return replace(empty, studies=(study,), failures=failures, caveats=("a caveat",), notes=("a note",))


def _figure(name: str, kind: Literal["scatter", "line"]) -> FigureSpec:
    point = Point(x=0.8, y=0.5, x_low=0.7, x_high=0.9, y_low=0.4, y_high=0.6, label="a/pgd:eps=0.1", n=20, front="on")
    axis = Axis(label="accuracy", low=0.0, high=1.0, unit="%", better="higher")
    series = tuple(
        Series(name=name, style=style, points=(replace(point, x=0.9 - 0.1 * style), replace(point, x=0.95)))
        for style, name in enumerate(_NAMES)
    )
    panel = Panel(title=f"a {kind}", kind=kind, x=axis, y=axis, series=series)
    return FigureSpec(id=name, kind=name, title=name, caption=f"{_NAMES[1]}.", panels=(panel,))


def _table() -> TableSpec:
    cells = (TableCell(value=0.9, low=0.8, high=0.95, rank="best"), TableCell(value=None), TableCell(value=0.0))
    return TableSpec(
        id="results",
        title="Accuracy",
        caption=f"In per cent; {_NAMES[1]}.",
        columns=(TableColumn(title="model"), TableColumn(title="clean", form="percent", digits=1, better="higher")),
        rows=tuple((TableCell(text=name), cell) for name, cell in zip(_NAMES, cells, strict=True)),
        notes=("A note.",),
    )


def _empty_report() -> Report:
    columns = tuple(TableColumn(title=title) for title in ("run", "model", "condition", "seed", "error"))
    failures = TableSpec(id="failures", title="Failures", caption="Listed.", columns=columns, rows=())
    return Report(title="toy", runs=("r",), studies=(_empty_study(),), failures=failures)


def _empty_study() -> Study:
    return Study(id="", dataset="toy", samples=20, verdict=(), figures=(), omitted=(), tables=())
