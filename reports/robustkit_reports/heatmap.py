"""Draws a panel of coloured cells with their numbers."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from robustkit import Panel, Point
from robustkit_reports.labels import short_names
from robustkit_reports.look import FAINT

DARK, LIGHT = "#101112", "#fdfdfd"
"""Of numbers on light and on dark cells; not the page's own colours, which are others in the dark."""

SMALLEST = 0.19
"""Width of a cell, in inches, from which it has room for its number."""

_NAMES = 22
"""Most names of layers at an axis."""

_LONGEST = 18
"""Letters of a name of a layer."""

_NUMBER_WIDTH = 2.4
"""Of a number with two digits, in units of its font's size."""


def colours() -> Colormap:
    """Return the colour map: cividis, which grows lighter evenly and looks the same to all kinds of colour vision.

    Nunez, Anderton and Renslow (2018), Optimizing colormaps with consideration for color vision deficiency.
    """
    return mpl.colormaps["cividis"]


def draw_heatmap(axes: Axes, panel: Panel, number: int, width: float) -> None:
    """Draw each cell, its number where there is room, the names of rows and columns, and the scale beside them.

    Args:
        axes: of the panel.
        panel: what is drawn.
        number: of the panel in its figure.
        width: of the panel, in inches, names and scale included.
    """
    assert panel.value is not None
    norm = Normalize(panel.value.low, panel.value.high)
    cell = 0.68 * width / max(len(panel.x.names), 1)
    for place, series in enumerate(panel.series):
        for at, point in enumerate(series.points):
            _draw_cell(axes, point, norm, f"p{number}-s{place}-i{at}")
            if cell >= SMALLEST:
                _write(axes, point, norm, cell)
    axes.set_aspect("equal")
    _name_layers(axes, panel)
    bar = axes.figure.colorbar(ScalarMappable(norm, colours()), ax=axes, fraction=0.046, pad=0.03)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4, steps=[1, 2, 5, 10])
    bar.formatter = FuncFormatter(lambda value, _: f"{value:.3g}")
    bar.ax.tick_params(length=2)


def _draw_cell(axes: Axes, point: Point, norm: Normalize, gid: str) -> None:
    corner = (point.x - 0.5, point.y - 0.5)
    if point.value is None:
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="none", edgecolor=FAINT, linewidth=0.3, hatch="////", gid=gid))
        return
    # The edge closes the hairlines that some viewers show between cells.
    colour = colours()(norm(point.value))
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor=colour, linewidth=0.2, gid=gid))


def _write(axes: Axes, point: Point, norm: Normalize, cell: float) -> None:
    if point.value is None:
        return
    red, green, blue, _ = colours()(norm(point.value))
    dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45
    text = short_number(point.value)
    text = f"({text})" if point.doubtful else text
    size = min(mpl.rcParams["xtick.labelsize"], 72 * cell / (_NUMBER_WIDTH + 0.7 * point.doubtful))
    axes.text(point.x, point.y, text, ha="center", va="center", fontsize=size, color=DARK if dark else LIGHT, zorder=3)


def short_number(value: float) -> str:
    """Return a number in as few letters as a cell has room for.

    >>> [short_number(value) for value in (0.914, 1.0, -0.032, 0.0, 3.14159, -0.001)]
    ['.91', '1', '−.03', '0', '3.1', '0']
    """
    text = f"{value:.2f}" if abs(value) < 1 else f"{value:.2g}"
    text = text.rstrip("0").rstrip(".") if float(text) in (0, 1, -1) else text
    text = text.replace("-0", "-").replace("-", "−") if float(text) else "0"
    return text.removeprefix("0") if text.startswith("0.") else text


def _name_layers(axes: Axes, panel: Panel) -> None:
    for axis, spec in ((axes.xaxis, panel.x), (axes.yaxis, panel.y)):
        step = -(-len(spec.names) // _NAMES)
        places = np.arange(0, len(spec.names), step)
        short = short_names(spec.names, _LONGEST)
        axis.set_major_locator(FixedLocator(places.tolist()))
        axis.set_minor_locator(NullLocator())
        axis.set_ticks(places.tolist(), [short[spec.names[place]] for place in places])
    axes.tick_params(axis="x", rotation=90)
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
