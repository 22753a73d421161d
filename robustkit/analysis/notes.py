"""What metrics said about their estimates, in few lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_NAMED = 3
"""Parts that are named where a metric says the same of several."""


def gather_notes(notes: Iterable[Mapping[str, Any] | str]) -> list[str]:
    """Return notes, equal ones of all cells and of all parts of a metric together.

    Args:
        notes: of a manifest; the first manifests have texts.

    >>> said = [{"metric": f"cka@conv{k}", "note": "few samples"} for k in (1, 2, 1, 3, 4)]
    >>> gather_notes([*said, {"metric": "nll", "note": "odd"}])
    ['cka@conv1, conv2, conv3 and 1 more: few samples (5 cells)', 'nll: odd']
    """
    found: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        whole, _, part = ("", "", "") if isinstance(note, str) else note["metric"].partition("@")
        found.setdefault((whole, note if isinstance(note, str) else note["note"]), []).append(part)
    return [_line(whole, text, parts) for (whole, text), parts in found.items()]


def _line(whole: str, text: str, parts: list[str]) -> str:
    count = f" ({len(parts)} cells)" if len(parts) > 1 else ""
    if not whole:
        return f"{text}{count}"
    distinct = list(dict.fromkeys(part for part in parts if part))
    more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    about = f"@{', '.join(distinct[:_NAMED])}{more}" if distinct else ""
    return f"{whole}{about}: {text}{count}"
