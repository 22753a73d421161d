"""What metrics said about their estimates, equal notes together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 3
"""Parts of a metric that are named; the others are counted."""


def gather_notes(notes: Iterable[Mapping[str, Any] | str]) -> tuple[str, ...]:
    """Return each note once, with the parts of the metric that it is about, and in which cell or how many it was said.

    Args:
        notes: with `metric` and `note`, and `model` and `condition` where they are known; or texts.

    >>> gather_notes([{"metric": f"a/b@{part}", "note": "few"} for part in ("x", "y", "x")])
    ('a/b@x, y: few (2 cells)',)
    >>> gather_notes([{"metric": "a/b", "note": "few", "model": "net", "condition": "clean"}, "no labels"])
    ('a/b: few (net · clean)', 'no labels')
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    cells: dict[tuple[str, str], set[str]] = {}
    for note in notes:
        facts = note if isinstance(note, Mapping) else {"metric": "", "note": str(note)}
        metric, at, part = facts["metric"].partition("@")
        key = (metric + at, facts["note"])
        counts.setdefault(key, Counter())[part] += 1
        cells.setdefault(key, set()).add(" · ".join(facts[name] for name in ("model", "condition") if name in facts))
    return tuple(_text(*key, parts, cells[key]) for key, parts in counts.items())


def _text(metric: str, said: str, parts: Counter[str], cells: set[str]) -> str:
    named = [part for part in parts if part]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    about = f"{metric}{', '.join(named[:SHOWN])}{more}: " if metric else ""
    count = max(len(cells), *parts.values())
    where = f"{count} cells" if count > 1 else next(iter(cells))
    return f"{about}{said}{f' ({where})' if where else ''}"
