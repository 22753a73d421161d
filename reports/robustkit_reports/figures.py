"""Figures for a paper: each at a venue's exact width, with its numbers, spec and caption beside it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from robustkit import ConfigError, FigureSpec, Report, spec_to_json, write_atomically
from robustkit_reports.drawing import draw_figure
from robustkit_reports.glyphs import legible
from robustkit_reports.look import paper_style
from robustkit_reports.params import FigureParams
from robustkit_reports.venues import figure_width

# What would make two files of the same figure differ.
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}

COLUMNS = (
    *("panel", "condition", "series", "kind", "label"),
    *("x", "x_low", "x_high", "y", "y_low", "y_high", "n", "front", "value", "doubtful", "chance"),
)


@dataclass(frozen=True)
class Figures:
    """Writes `figures/ID.pdf` (`.svg`, `.png`), `ID.csv`, `ID.json` and `ID.txt`."""

    params: FigureParams

    def __post_init__(self) -> None:
        """Check venue and width before anything is written.

        Raises:
            robustkit.ConfigError: there is no such venue or width.
        """
        figure_width(self.params.venue, self.params.column, self.params.width)

    def __call__(self, report: Report, folder: Path) -> list[Path]:
        """Write the figures and return the files, figure by figure.

        Raises:
            robustkit.ConfigError: a kind of figure that no report has.
            robustkit.RunError: a file cannot be written.
        """
        width = figure_width(self.params.venue, self.params.column, self.params.width)
        figures = [figure for study in report.studies for figure in study.figures]
        kinds = {figure.kind for figure in figures}
        kinds |= {each.figure for study in report.studies for each in study.omitted}
        unknown = [kind for kind in self.params.figure if kind not in kinds]
        if unknown:
            raise ConfigError(f"unknown figure '{unknown[0]}'", f"a report has {', '.join(sorted(kinds))}")
        wanted = [figure for figure in figures if not self.params.figure or figure.kind in self.params.figure]
        return [path for figure in wanted for path in self._write(figure, folder / "figures", width)]

    def _write(self, spec: FigureSpec, folder: Path, width: float) -> list[Path]:
        files: dict[str, bytes] = {}
        with paper_style(self.params.font):
            figure = draw_figure(legible(spec, self.params.font), width)
            files |= {form: render(figure, form) for form in self.params.formats}
        files["csv"] = plotted_numbers(spec).encode()
        files["json"] = (spec_to_json(spec) + "\n").encode()
        files["txt"] = (spec.caption + "\n").encode()
        paths = []
        for form, content in files.items():
            paths.append(folder / f"{spec.id}.{form}")
            write_atomically(paths[-1], content)
        return paths


def render(figure: Figure, form: str) -> bytes:
    """Return the figure as a file; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=METADATA[form])
    return buffer.getvalue()


def plotted_numbers(spec: FigureSpec) -> str:
    """Return CSV with exactly what the figure shows: one line a marker; shares are not multiplied by 100."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for panel in spec.panels:
        for series in panel.series:
            for kind, points in (("point", series.points), ("training seed", series.replicates)):
                for point in points:
                    shown = {key: getattr(point, key) for key in COLUMNS if hasattr(point, key)}
                    about = {"panel": panel.title, "condition": panel.condition, "series": series.name, "kind": kind}
                    writer.writerow(about | shown)
    return text.getvalue()
