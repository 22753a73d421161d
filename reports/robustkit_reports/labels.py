"""Labels beside points: each where it covers least."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from robustkit_reports.look import FAINT

RADII = (5.0, 9.0, 14.0, 20.0, 28.0, 38.0, 50.0)
"""Distances from the marker that are tried, in points."""

DIRECTIONS = tuple(np.pi / 8 * place for place in (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11))
"""Angles that are tried: right, left, above, below, the corners, then between."""

LEADER = 12.0
"""From this distance a thin line joins label and marker."""

LONGEST = 26

Points = NDArray[np.float64]


def shorten(name: str, longest: int = LONGEST) -> str:
    """Return the name, its middle left out where it is too long; the figure's CSV has it in full.

    >>> shorten("resnet50-imagenet-adversarial-seed-3", 20)
    'resnet50-i…al-seed-3'
    """
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[: longest - 1 - half]}…{name[-half:]}"


def short_names(names: Sequence[str], longest: int = LONGEST) -> dict[str, str]:
    """Return short names that are still different from one another."""
    short = {name: shorten(name, longest) for name in names}
    return {name: text if list(short.values()).count(text) == 1 else name for name, text in short.items()}


def sample_lines(lines: Sequence[Points], step: float = 2.0) -> Points:
    """Return points along lines, close enough to one another that a label cannot slip between them.

    Args:
        lines: each (k, 2) corners, in pixels.
        step: largest distance of neighbours, in pixels.
    """
    found = [np.empty((0, 2))]
    for line in lines:
        for start, end in pairwise(line):
            count = max(2, int(np.hypot(*(end - start)) / step) + 1)
            found.append(start + (end - start) * np.linspace(0, 1, count)[:, None])
    return np.concatenate(found)


def place_labels(
    axes: Axes, names: Sequence[str], anchors: Points, markers: Points, lines: Sequence[Points], renderer: Any
) -> list[Bbox]:
    """Write each name beside its point and return the boxes, in pixels.

    Args:
        axes: whose layout is final.
        names: one a point.
        anchors: (n, 2) the points, in pixels.
        markers: (m, 2) all markers that labels must not cover, in pixels.
        lines: what labels should not cross, in pixels.
        renderer: measures texts.
    """
    scale = axes.figure.dpi / 72
    obstacles = sample_lines(lines)
    taken: list[Bbox] = []
    inside = axes.get_window_extent(renderer).expanded(1.0, 1.02)
    for name, anchor in zip(names, anchors, strict=True):
        text = axes.annotate(name, (0, 0), xycoords="figure pixels", fontsize=mpl.rcParams["legend.fontsize"])
        size = text.get_window_extent(renderer)
        text.remove()
        choices = [label_box(anchor, size, radius * scale, angle) for radius in RADII for angle in DIRECTIONS]
        costs = [
            _clutter(box, inside, taken, markers, obstacles, scale)
            + _distance_cost(box, anchor, markers)
            + 12.0 * (place // len(DIRECTIONS))
            for place, box in enumerate(choices)
        ]
        best = int(np.argmin(costs))
        taken.append(choices[best])
        _write(axes, name, anchor, choices[best], RADII[best // len(DIRECTIONS)], scale)
    return taken


def label_box(anchor: Points, size: Bbox, radius: float, angle: float) -> Bbox:
    """Return where a label of this size is that lies in a direction from its marker, in pixels."""
    # Along a diagonal it is the box's corner that faces the marker, so that a long name does not reach back over it.
    side, up = np.clip(np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)]), -1, 1)
    x = anchor[0] + np.cos(angle) * radius + side * size.width / 2
    y = anchor[1] + np.sin(angle) * radius + up * size.height / 2
    return Bbox.from_bounds(x - size.width / 2, y - size.height / 2, size.width, size.height)


def _clutter(box: Bbox, inside: Bbox, taken: Sequence[Bbox], markers: Points, obstacles: Points, scale: float) -> float:
    beyond = max(inside.x0 - box.x0, 0) + max(box.x1 - inside.x1, 0)
    beyond += max(inside.y0 - box.y0, 0) + max(box.y1 - inside.y1, 0)
    overlap = sum(box.padded(1.0).overlaps(other) for other in taken)
    covered = _count_inside(box.padded(3.0 * scale), markers)
    crossed = _count_inside(box.padded(0.5 * scale), obstacles)
    return float(50.0 * beyond + 5000.0 * overlap + 400.0 * covered + 3.0 * crossed)


def _distance_cost(box: Bbox, anchor: Points, markers: Points) -> float:
    """A label that is nearer to another marker than to its own is read as the other's."""
    nearest = np.clip(markers, (box.x0, box.y0), (box.x1, box.y1))
    distances = np.hypot(*(markers - nearest).T)
    own = np.hypot(*(anchor - np.clip(anchor, (box.x0, box.y0), (box.x1, box.y1))))
    elsewhere = np.hypot(*(markers - anchor).T) > 1.0
    return 150.0 * float(np.count_nonzero(distances[elsewhere] < own))


def _count_inside(box: Bbox, points: Points) -> int:
    x, y = points[:, 0], points[:, 1]
    return int(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).sum())


def _write(axes: Axes, name: str, anchor: Points, box: Bbox, radius: float, scale: float) -> None:
    place = (np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]) - anchor) / scale
    leader = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
    x, y = axes.transData.inverted().transform(anchor)
    axes.annotate(
        name,
        (float(x), float(y)),
        xytext=(float(place[0]), float(place[1])),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=mpl.rcParams["legend.fontsize"],
        zorder=6,
        arrowprops=leader if radius > LEADER else None,
        annotation_clip=False,
    )
