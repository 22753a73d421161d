"""What a checkpoint says about its own training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from robustkit.protocols import LoadedCheckpoint

_TEXTS = ("trainer", "caveat", "group", "name", "data", "recipe", "data_fingerprint", "validation_fingerprint")
"""What a checkpoint may say in words."""


def training_facts(checkpoint: LoadedCheckpoint) -> dict[str, Any]:
    """Return what the file says about its training: plain values, taken from nowhere else."""
    stated = _parsed(checkpoint.metadata.get("training", "{}"))
    facts = stated if isinstance(stated, dict) else {}
    texts = {key: facts[key] for key in _TEXTS if isinstance(facts.get(key), str)}
    known: dict[str, Any] = {key: _printable(text) for key, text in texts.items()}
    return known | ({"seed": facts["seed"]} if isinstance(facts.get("seed"), int) else {})


def seen_before(name: str, training: Mapping[str, Any], fingerprint: str) -> tuple[str, ...]:
    """Return what a reader must know of results on data that the model has seen: a note, or none.

    Args:
        name: of the model.
        training: what `training_facts` returned.
        fingerprint: of the evaluated dataset, all of it; a part of the training data taken as another file has another.
    """
    if training.get("data_fingerprint") == fingerprint:
        return (
            f"model '{name}' was trained on these data: what is reported here is not performance on unseen samples",
        )
    if training.get("validation_fingerprint") == fingerprint:
        return (
            f"model '{name}' was selected on these data, as the best of its epochs there: what is reported here is "
            "too good for performance on unseen samples",
        )
    return ()


def _printable(text: str) -> str:
    """Return a text of unknown origin on one line of bounded length, without what a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:500]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
