"""From a figure's spec to a matplotlib figure: the same for paper and page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from robustkit import Axis, FigureSpec, Panel
from robustkit_reports import curves, heatmap, scatter
from robustkit_reports.labels import short_names

WIDE = 4.4
"""From this width, in inches, a figure has room for the columns of a whole page."""

LEGEND_ROW = 0.16


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
    for number, (axes, panel) in enumerate(zip(cells, spec.panels, strict=False)):
        _draw_panel(axes, panel, number, width / columns)
        if panel.kind == "heatmap":
            # It ends with the cells and reaches back over the names beside them.
            _set_title(axes, panel.title, 0.8 * width / columns, renderer, "right")
        else:
            # The axes share the width with the numbers beside them.
            _set_title(axes, panel.title, width / columns - 0.33, renderer)
        _name_axes(axes, spec.panels, number, columns)
    for axes in cells[len(spec.panels) :]:
        axes.remove()
    if handles:
        legend_rows = _add_legend(figure, handles, width, renderer)
        figure.set_size_inches(width, height + legend_rows * LEGEND_ROW + 0.04)
    figure.draw_without_rendering()
    # From here on the layout is final: labels are placed in what it left free.
    figure.set_layout_engine("none")
    for axes, panel in zip(cells, spec.panels, strict=False):
        if panel.kind == "scatter":
            scatter.label_scatter(axes, panel, renderer)
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
        axis.set_major_locator(FixedLocator(list(spec.ticks)) if _few(spec) else MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(_percent if spec.unit == "%" else _plain))


def _set_title(axes: Axes, title: str, width: float, renderer: Any, side: Literal["left", "right"] = "left") -> None:
    """Write the title in as many lines, of at most three, as it takes at this width in inches."""
    measured = axes.set_title(title, loc=side).get_window_extent(renderer).width / renderer.dpi
    letters = max(int(len(title) * width / measured), 12) if measured else 12
    lines = textwrap.wrap(title, letters, max_lines=3, placeholder=" …", break_on_hyphens=False)
    axes.set_title("\n".join(lines), loc=side)


def _name_axes(axes: Axes, panels: Sequence[Panel], number: int, columns: int) -> None:
    """Write the names of the axes; what the panel to the left or below says too is not repeated for lines."""
    panel = panels[number]
    line, below = panel.kind == "line", number + columns
    inner = line and number % columns > 0 and panels[number - 1].y == panel.y
    upper = line and below < len(panels)
    axes.set_xlabel("" if upper and panels[below].x.label == panel.x.label else _name(panel.x))
    axes.set_ylabel("" if inner else _name(panel.y))
    axes.tick_params(labelleft=not inner)


def _few(axis: Axis) -> bool:
    """Return whether the axis has ticks of its own that do not run into one another."""
    if not 0 < len(axis.ticks) <= 7:
        return False
    ordered = sorted(axis.ticks)
    gaps = [after - before for before, after in pairwise(ordered)]
    return all(gap >= (axis.high - axis.low) / 9 for gap in gaps)


def _name(axis: Axis) -> str:
    unit = f" [{axis.unit}]" if axis.unit else ""
    arrow = {"higher": " →", "lower": " ←", "": ""}[axis.better]
    return f"{axis.label}{unit}{arrow}"


def _percent(value: float, _place: int) -> str:
    return f"{100 * value:.4g}"


def _plain(value: float, _place: int) -> str:
    return f"{value:.4g}"
