"""From a figure's spec to a matplotlib figure: the same for paper and page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from robustkit import Axis, FigureSpec, Panel
from robustkit_reports import curves, heatmap, scatter
from robustkit_reports.labels import short_names
from robustkit_reports.printing import grey_levels

WIDE = 4.4
"""From this width, in inches, a figure has room for the columns of a whole page."""

LEGEND_ROW = 0.16

TITLE_LINE = 0.17
"""Height of a line of a title, in inches; a panel's own height has room for two."""

LINES = 4
"""Most lines of a panel's title."""


def draw_figure(spec: FigureSpec, width: float, *, legend: bool = True) -> Figure:
    """Return the figure at exactly this width; its height follows from the panels.

    Args:
        spec: what is drawn.
        width: in inches.
        legend: whether lines are named below the panels.
    """
    columns = _columns(spec, width)
    rows = ceil(len(spec.panels) / columns)
    handles = _handles(spec) if legend else []
    height = rows * _panel_height(spec, width / columns)
    figure = Figure(figsize=(width, height), layout="constrained")
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    grid = figure.subplots(rows, columns, squeeze=False)
    cells = list(grid.flat)
    lines = [[0] for _ in range(rows)]
    for number, (axes, panel) in enumerate(zip(cells, spec.panels, strict=False)):
        _draw_panel(axes, panel, number, width / columns)
        # The axes of lines share the width with the numbers beside them; over cells it begins above the names.
        room = width / columns - (0.1 if panel.kind == "heatmap" else 0.33)
        lines[number // columns].append(_set_title(axes, panel.title, room, renderer))
        _name_axes(axes, spec.panels, number, columns)
    for axes in cells[len(spec.panels) :]:
        axes.remove()
    height += sum(max(max(row) - 2, 0) for row in lines) * TITLE_LINE
    height += _add_legend(figure, handles, width, renderer) * LEGEND_ROW + 0.04 if handles else 0
    figure.set_size_inches(width, height)
    figure.draw_without_rendering()
    # What keeps its shape, as cells do, ends elsewhere than the first pass took it to.
    figure.draw_without_rendering()
    # From here on the layout is final: labels are placed in what it left free.
    figure.set_layout_engine("none")
    for axes, panel in zip(cells, spec.panels, strict=False):
        if panel.kind == "scatter":
            scatter.label_scatter(axes, panel, renderer)
        if panel.kind == "heatmap":
            beside = axes.transAxes.inverted().transform((axes.yaxis.get_tightbbox(renderer).x0, 0))[0]
            axes.set_title(axes.get_title("left"), loc="left", x=beside)
    return figure


def _columns(spec: FigureSpec, width: float) -> int:
    count = len(spec.panels)
    if spec.panels[0].kind == "scatter":
        return min(count, 3) if width >= WIDE else 1
    if spec.panels[0].kind == "heatmap":
        return min(count, 2) if width >= WIDE else 1
    if width < WIDE:
        return min(count, 2)
    return min(count, 4 if 5 < count <= 8 else 5)


def _panel_height(spec: FigureSpec, width: float) -> float:
    if spec.panels[0].kind == "scatter":
        return min(max(width * 0.76, 2.2), 2.7)
    if spec.panels[0].kind == "heatmap":
        return width * 0.95
    return min(max(width * 0.84, 1.35), 2.7)


def _handles(spec: FigureSpec) -> list[Line2D]:
    if spec.panels[0].kind == "scatter":
        return scatter.front_handles(spec.panels)
    if spec.panels[0].kind == "heatmap":
        return []
    handles = curves.curve_handles(spec.panels)
    # A model alone is no news; the lines of these figures are layers.
    if len(handles) == 1 and spec.kind not in ("cka", "probe"):
        return []
    names = short_names([str(handle.get_label()) for handle in handles])
    for handle in handles:
        handle.set_label(names[str(handle.get_label())])
    return handles


def _add_legend(figure: Figure, handles: Sequence[Line2D], width: float, renderer: Any) -> int:
    """Add the legend with as many columns as fit and return its number of rows."""
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(handles=list(handles), loc="outside lower center", ncols=columns, borderpad=0)
        if columns == 1 or legend.get_window_extent(renderer).width <= width * figure.dpi:
            return ceil(len(handles) / columns)
        legend.remove()
    return 0


def _draw_panel(axes: Axes, panel: Panel, number: int, width: float) -> None:
    axes.set_xlim(panel.x.low, panel.x.high)
    axes.set_ylim(panel.y.low, panel.y.high)
    if panel.kind == "heatmap":
        heatmap.draw_heatmap(axes, panel, number, width)
        return
    draw = scatter.draw_scatter if panel.kind == "scatter" else curves.draw_curves
    draw(axes, panel, number)
    for axis, spec in ((axes.xaxis, panel.x), (axes.yaxis, panel.y)):
        own = spec.ticks if _few(spec) else _apart(spec) if spec.unit == "/255" else ()
        axis.set_major_locator(FixedLocator(list(own)) if own else MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(_FORMS.get(spec.unit, _plain)))


def _set_title(axes: Axes, title: str, width: float, renderer: Any) -> int:
    """Write the title in as many lines, of at most four, as it takes at this width in inches; return how many."""
    measured = axes.set_title(title, loc="left").get_window_extent(renderer).width / renderer.dpi
    letters = max(int(len(title) * width / measured), 12) if measured else 12
    lines = title_lines(title, letters)
    axes.set_title("\n".join(lines), loc="left")
    return len(lines)


def title_lines(title: str, letters: int) -> list[str]:
    """Return a title in at most four lines, all about as long.

    >>> title_lines("a-network-with-a-name: gaussian-noise, severity 1", 16)
    ['a-network-', 'with-a-name:', 'gaussian-noise,', 'severity 1']
    """
    pieces = [piece for word in re.findall(r"\S+\s*", title) for piece in _pieces(word, letters)]

    def filled(width: int) -> list[str]:
        lines = [""]
        for piece in pieces:
            if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
                lines.append("")
            lines[-1] += piece
        return [line.rstrip() for line in lines]

    least = len(filled(letters))
    # The narrowest that takes no more lines leaves no single word for the last one.
    lines = next(found for width in range(1, letters + 1) if len(found := filled(width)) == least)
    return lines if least <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]


def _pieces(word: str, letters: int) -> list[str]:
    """Return a word, broken behind its signs, or anywhere, where no line has room for it."""
    if len(word.rstrip()) <= letters:
        return [word]
    parts = re.split(r"(?<=[-_/.=])(?=[^-_/.=])", word)
    return [part[start : start + letters] for part in parts for start in range(0, len(part), letters)]


def _name_axes(axes: Axes, panels: Sequence[Panel], number: int, columns: int) -> None:
    """Write the names of the axes; what the panel to the left or below says too is not repeated for lines."""
    panel = panels[number]
    line, first = panel.kind == "line", number - number % columns
    inner = line and number > first and panels[number - 1].y == panel.y
    below = panels[first + columns : first + 2 * columns]
    # All panels of a row say it or none does.
    told = line and len(below) == columns and {each.x.label for each in below} == {panel.x.label}
    axes.set_xlabel("" if told else _name(panel.x))
    axes.set_ylabel("" if inner else _name(panel.y))
    axes.tick_params(labelleft=not inner)


def _few(axis: Axis) -> bool:
    """Return whether the axis has ticks of its own that do not run into one another."""
    if not 0 < len(axis.ticks) <= 7:
        return False
    ordered = sorted(axis.ticks)
    gaps = [after - before for before, after in pairwise(ordered)]
    return all(gap >= (axis.high - axis.low) / 9 for gap in gaps)


def _apart(axis: Axis) -> list[float]:
    """Return those of the axis's own ticks that do not run into one another, from the largest down."""
    found: list[float] = []
    for tick in sorted(axis.ticks, reverse=True):
        if not found or found[-1] - tick >= (axis.high - axis.low) / 6:
            found.append(tick)
    return found


def _name(axis: Axis) -> str:
    unit = f" [{axis.unit}]" if axis.unit == "%" else ""
    arrow = {"higher": " →", "lower": " ←", "": ""}[axis.better]
    return f"{axis.label}{unit}{arrow}"


def _percent(value: float, _place: int) -> str:
    return f"{100 * value:.4g}"


def _grey_levels(value: float, _place: int) -> str:
    return grey_levels(value)


def _plain(value: float, _place: int) -> str:
    return f"{value:.4g}"


_FORMS = {"%": _percent, "/255": _grey_levels}
