"""What metrics said about their estimates, equal notes together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 3
"""Parts of a metric that are named; the others are counted."""


def gather_notes(notes: Iterable[Mapping[str, Any] | str]) -> tuple[str, ...]:
    """Return each note once, with the parts of the metric that it is about and the cells that it was said of.

    Args:
        notes: with `metric` and `note`, or texts.

    >>> gather_notes([{"metric": f"a/b@{part}", "note": "few"} for part in ("x", "y", "x")])
    ('a/b@x, y: few (2 cells)',)
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for note in notes:
        given = (note["metric"], note["note"]) if isinstance(note, Mapping) else ("", str(note))
        metric, at, part = given[0].partition("@")
        counts.setdefault((metric + at, given[1]), Counter())[part] += 1
    return tuple(_text(metric, said, parts) for (metric, said), parts in counts.items())


def _text(metric: str, said: str, parts: Counter[str]) -> str:
    named = [part for part in parts if part]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    about = f"{metric}{', '.join(named[:SHOWN])}{more}: " if metric else ""
    cells = max(parts.values())
    return f"{about}{said}{f' ({cells} cells)' if cells > 1 else ''}"
