"""One self-contained HTML page: verdict first, then figures, tables and where everything comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from robustkit import FigureSpec, Report, TableCell, TableColumn, write_atomically
from robustkit_reports.inline_svg import legend_entries, panel_svgs
from robustkit_reports.params import PageParams
from robustkit_reports.printing import heading, interval_text, number_text

_HERE = Path(__file__).parent

_JOINTS = re.compile(r"(?<=[/:=,;_@+])(?=[^\s/:=,;_@+])(?:(?<!\d[/:=,;_@+])|(?!\d))")
"""Places inside a word where a line may end: after what joins its parts, but not inside a number or a time."""


@dataclass(frozen=True)
class Page:
    """Writes `index.html`: no other file, no network, readable on a phone, on paper and in the dark."""

    params: PageParams

    def __call__(self, report: Report, folder: Path) -> list[Path]:
        """Write the page and return its path.

        Raises:
            robustkit.RunError: the file cannot be written.
        """
        path = folder / "index.html"
        write_atomically(path, render_page(report, self.params.title or report.title).encode())
        return [path]


def render_page(report: Report, title: str) -> str:
    """Return the page; equal reports give equal text.

    Args:
        report: what it shows; every name in it is escaped.
        title: of the page.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["breakable"] = breakable
    environment.globals.update(
        places=_places,
        heading=heading,
        interval=interval_text,
        shown=_shown,
        sort_value=_sort_value,
        panels=_panels,
        legend=lambda figure: legend_entries(figure.panels),
        # Both are files of this package, and hold nothing from a report.
        css=Markup((_HERE / "page.css").read_text("utf8")),  # noqa: S704
        js=Markup((_HERE / "page.js").read_text("utf8")),  # noqa: S704
    )
    template = environment.from_string((_HERE / "page.html.jinja").read_text("utf8"))
    return template.render(report=report, title=title)


def breakable(text: str) -> Markup:
    """Return a text, escaped, whose technical words may be broken after the signs that join them, and only there.

    >>> str(breakable("zoo/net:a=1,000 <b>"))
    'zoo/<wbr>net:<wbr>a=<wbr>1,000 &lt;b&gt;'
    """
    # What is escaped first holds none of the signs but in words of the text.
    parts = [escape(part) for part in _JOINTS.split(text)]
    return Markup("<wbr>").join(parts)


def _places(figure: FigureSpec) -> set[str]:
    """Return where its points stand to a front."""
    found = {point.front for panel in figure.panels for series in panel.series for point in series.points}
    return {place for place in found if place}


def _panels(figure: FigureSpec) -> list[Markup]:
    # Names inside were escaped by matplotlib and by inline_svg.
    return [Markup(svg) for svg in panel_svgs(figure)]  # noqa: S704


def _shown(cell: TableCell, column: TableColumn) -> str:
    return cell.text if column.form == "text" else number_text(cell.value, column)


def _sort_value(cell: TableCell, column: TableColumn) -> Any:
    """Return what a column is sorted by; undefined numbers come last."""
    if column.form == "text":
        return cell.text
    return "" if cell.value is None else repr(cell.value)
