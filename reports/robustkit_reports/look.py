"""The look: colours, markers and lines that tell series apart without colour too, and matplotlib's settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl

STYLE = Path(__file__).with_name("paper.mplstyle")

INK = "#1a1c1e"
FAINT = "#6f767d"
GRID = "#e4e6e8"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito (2008), for all kinds of colour vision; without their yellow, which vanishes on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.4)),
    (0, (6, 1.6, 1.2, 1.6)),
    (0, (3, 1.2, 1, 1.2, 1, 1.2)),
    (0, (8, 2)),
    (0, (2.4, 1.2)),
    (0, (9, 1.6, 3, 1.6)),
)

FONTS = {
    # DejaVu Sans has what STIX lacks; both come with matplotlib.
    "serif": ["STIXGeneral", "DejaVu Sans"],
    "sans": ["DejaVu Sans"],
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one series is drawn."""

    colour: str
    marker: str
    line: Any


def look_of(style: int) -> Look:
    """Return the look of a series: 56 differ, and the first eight differ in marker and line alone.

    >>> len({(look.colour, look.marker) for look in map(look_of, range(56))})
    56
    """
    return Look(
        colour=COLOURS[style % len(COLOURS)],
        marker=MARKERS[style % len(MARKERS)],
        line=LINES[style % len(LINES)],
    )


def faded(colour: str, opacity: float = 0.4) -> tuple[float, float, float, float]:
    """Return the colour as red, green, blue and opacity: it fades into paper and into a dark page alike.

    >>> faded("#ff0000", 0.5)
    (1.0, 0.0, 0.0, 0.5)
    """
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue, opacity


@contextmanager
def paper_style(font: str = "serif", changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Apply the style while figures are made and saved; what the user has set for matplotlib plays no part."""
    with mpl.rc_context(fname=STYLE):
        mpl.rcParams["font.family"] = FONTS[font]
        for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"):
            mpl.rcParams[key] = INK
        mpl.rcParams["grid.color"] = GRID
        for key, value in (changes or {}).items():
            mpl.rcParams[cast("Any", key)] = value
        yield
