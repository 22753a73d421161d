"""Reports: figures at a venue's width, tables, and one HTML page."""

from __future__ import annotations

from robustkit import Reporter, hookimpl
from robustkit_reports.params import FigureParams, PageParams

robustkit_api = 1


@hookimpl
def robustkit_reporters() -> list[Reporter]:
    """Return the reporters."""
    return [
        Reporter(
            name="html",
            summary="one self-contained page: verdict, figures, tables, provenance",
            target="robustkit_reports.page:Page",
            params=PageParams,
            formats=("html",),
        ),
        Reporter(
            name="figures",
            summary="every figure at a venue's width, with the plotted numbers, spec and caption beside it",
            target="robustkit_reports.figures:Figures",
            params=FigureParams,
            formats=("pdf", "svg", "png"),
        ),
        Reporter(
            name="latex",
            summary="booktabs tables to be read with \\input",
            target="robustkit_reports.latex:LatexTables",
            formats=("tex",),
        ),
        Reporter(
            name="csv",
            summary="every table with all digits, full names and intervals",
            target="robustkit_reports.csv_tables:CsvTables",
            formats=("csv",),
        ),
        Reporter(
            name="markdown",
            summary="verdict and main tables for a README",
            target="robustkit_reports.markdown:Markdown",
            formats=("md",),
        ),
    ]
