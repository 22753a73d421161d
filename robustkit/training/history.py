"""The history of a training, one row an epoch, as its state and its manifest keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("epoch", "lr", "validation_n", "validation_correct")
"""Columns of the history that are not losses."""


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int:
    """Return the epoch, from 1, with the most validation samples right; of equal ones the first; 0 if there is none.

    >>> best_epoch([{"validation_correct": 1}, {"validation_correct": 3}, {"validation_correct": 3}])
    2
    """
    right = [row["validation_correct"] for row in history]
    return right.index(max(right)) + 1 if right else 0


def check_history(history: Any, selected: Any) -> None:
    """Check what was read from a file.

    Args:
        history: should be the rows.
        selected: should be the best epoch; 0 or None before the first is over.

    Raises:
        ValueError: it is something else. The text says what.
    """
    if not isinstance(history, list):
        raise ValueError(f"the history is no list but {type(history).__name__}")  # noqa: TRY004 - one error for all
    for epoch, row in enumerate(history, 1):
        if not _is_row(row, epoch):
            raise ValueError(f"row {epoch} of the history is damaged: {row!r:.80}")
    if (selected or 0) != best_epoch(history):
        raise ValueError(f"the selected epoch is {selected!r:.40}, by the history it is {best_epoch(history)}")


def _is_row(row: Any, epoch: int) -> bool:
    if not isinstance(row, dict) or not {*COLUMNS, "loss"} <= row.keys():
        return False
    counts = (row["epoch"], row["validation_n"], row["validation_correct"])
    if not all(type(each) is int for each in counts) or not all(type(each) in (int, float) for each in row.values()):
        return False
    finite = all(math.isfinite(each) for each in row.values())
    return finite and row["epoch"] == epoch and 0 <= row["validation_correct"] <= row["validation_n"]
