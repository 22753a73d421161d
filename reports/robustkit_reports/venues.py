"""Widths of text columns, in inches."""

from __future__ import annotations

import re
from difflib import get_close_matches

from robustkit import ConfigError

GUTTER = 0.25
"""Between two figures side by side where a venue has one column (robustkit's choice)."""

VENUES: dict[str, tuple[float | None, float]] = {
    "aaai": (3.3, 6.975),
    "aistats": (3.25, 6.75),
    "cvpr": (3.25, 6.875),
    "eccv": (None, 4.8),
    "iclr": (None, 5.5),
    "icml": (3.25, 6.75),
    "ieee": (3.5, 7.16),
    "jmlr": (None, 6.0),
    "nature": (3.5, 7.2),
    "neurips": (None, 5.5),
    "tmlr": (None, 6.5),
    "uai": (3.25, 6.75),
}
"""By venue, one column and the whole width, from their style files; None where the page has one column only."""

_UNITS = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}
_LEAST, _MOST = 1.5, 20.0


def figure_width(venue: str, column: str, width: str = "") -> float:
    """Return the width of a figure in inches.

    Args:
        venue: a key of `VENUES`.
        column: `half` or `full`. Where a venue has one column, half leaves room for another figure beside.
        width: overrides the venue: a number with `in`, `cm`, `mm` or `pt` (of TeX, 72.27 an inch).

    Raises:
        ConfigError: an unknown venue, or a width that is none or out of 1.5 to 20 inches.

    >>> figure_width("icml", "half"), figure_width("neurips", "half"), round(figure_width("icml", "full", "8.5cm"), 3)
    (3.25, 2.625, 3.346)
    """
    if width:
        return _parse(width)
    name = venue.strip().lower()
    if name not in VENUES:
        close = get_close_matches(name, VENUES, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(VENUES)}; or give a width such as 3.25in"
        raise ConfigError(f"unknown venue '{venue}'", hint)
    half, full = VENUES[name]
    if column == "full":
        return full
    return (full - GUTTER) / 2 if half is None else half


def _parse(text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(in|cm|mm|pt)\s*", text)
    if not match:
        raise ConfigError(f"expected a width such as 3.25in, 8.5cm or 234pt, got '{text}'", "write number and unit")
    inches = float(match[1]) * _UNITS[match[2]]
    if not _LEAST <= inches <= _MOST:
        raise ConfigError(
            f"expected a width of {_LEAST:g} to {_MOST:g} inches, got {text} ({inches:.2f} in)", "check the unit"
        )
    return inches
