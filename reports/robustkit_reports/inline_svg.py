"""Figures inside a page: one SVG a panel, drawn as for paper, with a tooltip for each point."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
from matplotlib.markers import MarkerStyle

from robustkit import Axis, FigureSpec, Panel, Point, Series
from robustkit_reports.drawing import draw_figure
from robustkit_reports.glyphs import missing_letters_allowed
from robustkit_reports.look import COLOURS, GRID, INK, look_of, paper_style
from robustkit_reports.printing import grey_levels

WIDTHS = {"scatter": 2.8, "line": 2.5, "heatmap": 4.4}
"""Width at which a panel is drawn, in inches; the page scales it to the room there is."""

SCREEN = {
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 9),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8.5),
    "svg.fonttype": "none",
}
"""What differs from paper: larger letters, and text that stays text."""

PAGE_COLOURS = {
    INK: "currentColor",
    GRID: "var(--grid)",
    "#ffffff": "var(--paper)",
    **{colour.lower(): f"var(--series-{place})" for place, colour in enumerate(COLOURS)},
}
"""What the page's own colours stand for: it has others in the dark."""

_GROUP = re.compile(r'<g id="p0-s(\d+)-([a-z])(\d+)">')
_KINDS = {"i": "points", "r": "replicates"}


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """How a page shows what a series looks like.

    Attributes:
        name: of the series.
        style: its index, by which the page finds what belongs to it.
        colour: of line and marker.
        dashes: as SVG takes them.
        outline: the marker, as the points of a polygon around 0.
    """

    name: str
    style: int
    colour: str
    dashes: str
    outline: str


def panel_svgs(figure: FigureSpec) -> list[str]:
    """Return one `<svg>` for each panel; names are escaped, and no other file is referred to."""
    return [_panel_svg(figure, panel, f"{figure.id}-{place}") for place, panel in enumerate(figure.panels)]


def _panel_svg(figure: FigureSpec, panel: Panel, prefix: str) -> str:
    # The page's own fonts draw the text.
    with missing_letters_allowed(), paper_style("sans", {**SCREEN, "svg.hashsalt": prefix}):
        drawn = draw_figure(replace(figure, panels=(panel,)), WIDTHS[panel.kind], legend=False)
        drawn.patch.set_visible(False)
        for axes in drawn.axes:
            axes.patch.set_visible(False)
        buffer = io.StringIO()
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    return _for_page(buffer.getvalue(), panel, prefix)


def _for_page(text: str, panel: Panel, prefix: str) -> str:
    """Turn matplotlib's file into a part of a page: responsive, in the page's colours and fonts, with tooltips."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = _GROUP.sub(lambda match: _group(match, panel), body)
    box = re.search(r'viewBox="[^"]*"', body)
    label = escape(panel.title, quote=True)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {box[0] if box else ""} role="group" aria-label="{label}">'
    body = opening + body[body.index(">") + 1 :]
    # Identifiers are unique in a file, not on a page with several.
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}-", body).replace("xlink:href", "href")
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    for colour, own in PAGE_COLOURS.items():
        body = body.replace(f": {colour}", f": {own}")
    return body.strip()


def _group(match: re.Match[str], panel: Panel) -> str:
    series, letter, place = panel.series[int(match[1])], match[2], int(match[3])
    opening = f'<g id="{match[0][7:-2]}" data-s="{series.style}"'
    if letter not in _KINDS:
        return f"{opening}>"
    point: Point = getattr(series, _KINDS[letter])[place]
    title = escape(describe(panel, series, point), quote=True)
    # Points of lines are many; their numbers are in the table, so only those of a plane take the focus.
    focus = ' tabindex="0" role="img"' if panel.kind == "scatter" and letter == "i" else ""
    return f'{opening} class="point"{focus} aria-label="{title}"><title>{title}</title>'


def describe(panel: Panel, series: Series, point: Point) -> str:
    """Return what a tooltip says about a point: whose it is, both numbers with their intervals, what exactly it is."""
    if panel.value is not None:
        return _describe_cell(panel, series, point)
    parts = [series.name]
    parts += [_value(panel.x, point.x, point.x_low, point.x_high), _value(panel.y, point.y, point.y_low, point.y_high)]
    parts += [point.label] if point.label not in ("", series.name) else []
    parts += {"on": ["on the front"], "reaches": ["not separable from the front"], "dominated": ["dominated"]}.get(
        point.front, []
    )
    return " · ".join(parts)


def _describe_cell(panel: Panel, series: Series, point: Point) -> str:
    """Return what a tooltip says about a cell of a heat map: row, column, number, and what else is known."""
    assert panel.value is not None
    number = "undefined" if point.value is None else f"{point.value:.4f}"
    parts = [series.name, panel.x.names[round(point.x)], f"{panel.value.label} {number}", point.label]
    return " · ".join(part for part in parts if part)


def _value(axis: Axis, value: float, low: float | None, high: float | None) -> str:
    if axis.unit == "/255":
        return f"{axis.label} {grey_levels(value)}"
    scale, unit, digits = (100, " %", 1) if axis.unit == "%" else (1, "", 4)
    text = f"{axis.label} {scale * value:.{digits}f}" if unit else f"{axis.label} {value:.{digits}g}"
    if low is None or high is None:
        return f"{text}{unit}"
    ends = ", ".join(f"{scale * end:.{digits}f}" if unit else f"{end:.{digits}g}" for end in (low, high))
    return f"{text}{unit} [{ends}]"


def legend_entries(panels: Sequence[Panel]) -> list[LegendEntry]:
    """Return one entry for each series of the panels."""
    styles = {series.name: series.style for panel in panels if panel.value is None for series in panel.series}
    return [_entry(name, style) for name, style in styles.items()]


def _entry(name: str, style: int) -> LegendEntry:
    look = look_of(style)
    marker = MarkerStyle(look.marker)
    outline = np.asarray(marker.get_path().transformed(marker.get_transform()).to_polygons()[0], dtype=float)
    dashes = "" if isinstance(look.line, str) else " ".join(f"{1.5 * each:g}" for each in look.line[1])
    return LegendEntry(
        name=name,
        style=style,
        colour=PAGE_COLOURS[look.colour.lower()],
        dashes=dashes,
        outline=" ".join(f"{8 * x:.2f},{-8 * y:.2f}" for x, y in outline),
    )
