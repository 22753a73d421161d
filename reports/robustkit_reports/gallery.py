"""Pictures in rows and columns, pixel by pixel: what perturbations do to images."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robustkit import ConfigError
from robustkit_reports.figures import render
from robustkit_reports.look import FAINT, INK, paper_style

DOTS = 100
"""Dots an inch: a dot is a pixel of a PNG."""

SMALLEST = 128
"""Pictures are enlarged by a whole number to about this many dots."""

MARGIN, GAP, LABELS, HEADING, LINE = 12, 6, 150, 22, 18
LONGEST = 60_000
"""Dots on a side of a figure; matplotlib can draw 65,535."""


@dataclass(frozen=True, kw_only=True)
class PictureRow:
    """One row.

    Attributes:
        label: what stands to its left; line breaks are kept.
        pictures: each (H, W, 3) uint8, all of one size; None leaves the place empty.
    """

    label: str
    pictures: tuple[NDArray[np.uint8] | None, ...]


def render_pictures(title: str, columns: Sequence[str], rows: Sequence[PictureRow], form: str) -> bytes:
    """Return the pictures as a file, without smoothing; equal pictures give equal bytes.

    Args:
        title: above all; line breaks are kept.
        columns: what stands above each column.
        rows: at least one, each with as many pictures as there are columns.
        form: `png`, `pdf` or `svg`.

    Raises:
        robustkit.ConfigError: there are too many pictures for one figure.
    """
    with paper_style("sans", {"savefig.dpi": DOTS, "figure.dpi": DOTS}):
        return render(draw_pictures(title, columns, rows), form)


def draw_pictures(title: str, columns: Sequence[str], rows: Sequence[PictureRow]) -> Figure:
    """Return the figure; see `render_pictures`. Its size follows from the pictures."""
    size = next(picture.shape[:2] for row in rows for picture in row.pictures if picture is not None)
    factor = max(1, round(SMALLEST / max(size)))
    height, width = (side * factor for side in size)
    lines = _wrapped(title, LABELS + len(columns) * (width + GAP))
    top = MARGIN + len(lines) * LINE + HEADING
    whole = (LABELS + len(columns) * (width + GAP) + MARGIN, top + len(rows) * (height + GAP) + MARGIN)
    if max(whole) > LONGEST:
        raise ConfigError(
            f"the figure would have {whole[0]}x{whole[1]} dots, and can have {LONGEST} on a side",
            "draw fewer images or perturbations",
        )
    figure = Figure(figsize=(whole[0] / DOTS, whole[1] / DOTS), dpi=DOTS)
    canvas = np.full((whole[1], whole[0], 3), 255, dtype=np.uint8)
    for number, row in enumerate(rows):
        for place, picture in enumerate(row.pictures):
            if picture is not None:
                left, upper = LABELS + place * (width + GAP), top + number * (height + GAP)
                enlarged = picture.repeat(factor, axis=0).repeat(factor, axis=1)
                canvas[upper : upper + height, left : left + width] = enlarged
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(canvas, interpolation="none", aspect="auto")
    axes.set_axis_off()
    for number, line in enumerate(lines):
        axes.text(MARGIN, MARGIN + number * LINE, line, color=INK, va="top", fontsize=9)
    for place, name in enumerate(columns):
        centre = LABELS + place * (width + GAP) + width / 2
        axes.text(centre, top - LINE / 2, name, color=FAINT, ha="center", va="center", fontsize=8)
    for number, row in enumerate(rows):
        middle = top + number * (height + GAP) + height / 2
        label = "\n".join(_wrapped(row.label, LABELS - MARGIN))
        axes.text(MARGIN, middle, label, color=INK, va="center", fontsize=8, linespacing=1.4)
    return figure


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most about so many dots."""
    letters = max(int(width / 7), 12)
    return [part for line in text.split("\n") for part in textwrap.wrap(line, letters) or [""]]
