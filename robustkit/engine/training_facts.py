"""What a checkpoint says about its own training."""

from __future__ import annotations

import json
from typing import Any

from robustkit.protocols import LoadedCheckpoint

_TEXTS = ("trainer", "caveat", "group", "name", "data", "recipe")
"""What a checkpoint may say in words."""


def training_facts(checkpoint: LoadedCheckpoint) -> dict[str, Any]:
    """Return what the file says about its training: plain values, taken from nowhere else."""
    stated = _parsed(checkpoint.metadata.get("training", "{}"))
    facts = stated if isinstance(stated, dict) else {}
    texts = {key: facts[key] for key in _TEXTS if isinstance(facts.get(key), str)}
    known: dict[str, Any] = {key: _printable(text) for key, text in texts.items()}
    return known | ({"seed": facts["seed"]} if isinstance(facts.get("seed"), int) else {})


def _printable(text: str) -> str:
    """Return a text of unknown origin on one line of bounded length, without what a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:500]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
