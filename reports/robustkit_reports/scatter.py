"""Draws a panel of points with crosses for intervals and a Pareto front."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from robustkit import Panel, Point, Series
from robustkit_reports.labels import Points, place_labels, short_names
from robustkit_reports.look import FAINT, faded, look_of

SIZE = 5.5


def draw_scatter(axes: Axes, panel: Panel, number: int) -> None:
    """Draw everything but the labels, which need the final layout."""
    if panel.front:
        x, y = zip(*panel.front, strict=True)
        axes.plot(x, y, color=FAINT, linewidth=0.9, zorder=1, solid_joinstyle="miter")
    for place, series in enumerate(panel.series):
        _draw_series(axes, series, f"p{number}-s{place}")


def _draw_series(axes: Axes, series: Series, gid: str) -> None:
    look = look_of(series.style)
    for place, dot in enumerate(series.replicates):
        line = Line2D([dot.x], [dot.y], marker=look.marker, markersize=2.4, linestyle="none", zorder=2)
        line.set(markerfacecolor=faded(look.colour, 0.65), markeredgecolor="none", gid=f"{gid}-r{place}")
        axes.add_line(line)
    for place, point in enumerate(series.points):
        muted = point.front == "dominated"
        colour = faded(look.colour) if muted else faded(look.colour, 1.0)
        face = "white" if point.front == "reaches" else colour
        for arm, ends in enumerate(cross(point)):
            shade = faded(look.colour, 0.35 if muted else 0.7)
            axes.plot(*ends.T, color=shade, linewidth=0.8, zorder=3, gid=f"{gid}-c{arm}")
        axes.plot(
            [point.x],
            [point.y],
            marker=look.marker,
            markersize=SIZE,
            markerfacecolor=face,
            markeredgecolor=colour,
            markeredgewidth=0.0 if muted else 1.1,
            linestyle="none",
            zorder=5,
            gid=f"{gid}-i{place}",
        )


def cross(point: Point) -> list[Points]:
    """Return the arms of a point's intervals, each (2, 2): from end to end."""
    arms = []
    if point.x_low is not None and point.x_high is not None:
        arms.append(np.array([(point.x_low, point.y), (point.x_high, point.y)]))
    if point.y_low is not None and point.y_high is not None:
        arms.append(np.array([(point.x, point.y_low), (point.x, point.y_high)]))
    return arms


def label_scatter(axes: Axes, panel: Panel, renderer: Any) -> None:
    """Write the series' names beside their points; the layout must be final."""
    to_pixels = axes.transData.transform
    points = [(series, point) for series in panel.series for point in series.points]
    names = short_names([series.name for series in panel.series])
    anchors = to_pixels([(point.x, point.y) for _, point in points])
    small = [(dot.x, dot.y) for series in panel.series for dot in series.replicates]
    markers = np.concatenate([anchors, to_pixels(small)]) if small else anchors
    lines = [to_pixels(arm) for _, point in points for arm in cross(point)]
    lines += [to_pixels(np.array(panel.front))] if panel.front else []
    frame = ((panel.x.low, panel.y.high), (panel.x.low, panel.y.low), (panel.x.high, panel.y.low))
    lines += [to_pixels(np.array(frame))]
    place_labels(axes, [names[series.name] for series, _ in points], anchors, markers, lines, renderer)


def front_handles(panels: tuple[Panel, ...]) -> list[Line2D]:
    """Return legend entries for what the markers' filling and the line mean, as far as it occurs."""
    places = {point.front for panel in panels for series in panel.series for point in series.points}
    shown: dict[str, Any] = {"markersize": 4.5, "linestyle": "none", "marker": "o", "markeredgecolor": FAINT}
    handles = [Line2D([], [], color=FAINT, linewidth=0.9, label="Pareto front")] if places - {""} else []
    if "reaches" in places:
        handles.append(Line2D([], [], markerfacecolor="white", label="not separable from it", **shown))
    if "dominated" in places:
        faint = {**shown, "markeredgecolor": "none"}
        handles.append(Line2D([], [], markerfacecolor=faded(FAINT), label="dominated", **faint))
    return handles
