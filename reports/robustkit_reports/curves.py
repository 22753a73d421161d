"""Draws a panel of lines with bands for intervals."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from robustkit import Panel, Series
from robustkit_reports.look import faded, look_of

FEW = 4
"""With more lines than these the bands are fainter."""


def draw_curves(axes: Axes, panel: Panel, number: int) -> None:
    """Draw each series as a line with markers, its band, and its reference level dotted."""
    alpha = 0.13 if len(panel.series) <= FEW else 0.06
    for place, series in enumerate(panel.series):
        _draw_series(axes, series, f"p{number}-s{place}", alpha)


def _draw_series(axes: Axes, series: Series, gid: str, alpha: float) -> None:
    look = look_of(series.style)
    x, y = [point.x for point in series.points], [point.y for point in series.points]
    if series.level is not None:
        level = axes.axhline(
            series.level, color=faded(look.colour, 0.6), linewidth=0.6, linestyle=(0, (1, 2)), zorder=1
        )
        level.set_gid(f"{gid}-l0")
    known = [p for p in series.points if p.y_low is not None and p.y_high is not None]
    if len(known) > 1:
        low, high = (np.array([getattr(p, end) for p in known], dtype=float) for end in ("y_low", "y_high"))
        band = axes.fill_between([p.x for p in known], low, high, color=look.colour, alpha=alpha, linewidth=0, zorder=2)
        band.set_gid(f"{gid}-b0")
    by_chance = {point.x: point.chance for point in series.points if point.chance is not None}
    if by_chance:
        dotted = Line2D(list(by_chance), list(by_chance.values()), linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
        dotted.set(color=faded(look.colour, 0.6), gid=f"{gid}-c0")
        axes.add_line(dotted)
    axes.plot(x, y, color=look.colour, linestyle=look.line, zorder=4, gid=f"{gid}-m0")
    for place, point in enumerate(series.points):
        # One artist a point, so that a page can say what each is.
        axes.plot(
            [point.x],
            [point.y],
            color=look.colour,
            marker=look.marker,
            markersize=3.6,
            markerfacecolor="#ffffff" if point.doubtful else look.colour,
            markeredgewidth=0.8 if point.doubtful else 0,
            linestyle="none",
            zorder=5,
            gid=f"{gid}-i{place}",
        )


def curve_handles(panels: tuple[Panel, ...]) -> list[Line2D]:
    """Return one legend entry a series, each once, in order of appearance."""
    styles = {series.name: series.style for panel in panels for series in panel.series}
    handles = []
    for name, style in styles.items():
        look = look_of(style)
        handle = Line2D([], [], color=look.colour, linestyle=look.line, label=name)
        handle.set(marker=look.marker, markersize=3.6, markeredgewidth=0)
        handles.append(handle)
    return handles
