"""Ids and classes in files: whole numbers from 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import robustkit


def as_index(path: Path, column: str, place: int, value: Any) -> int:
    """Return a whole number, at least 0, from a field.

    Args:
        path: for messages.
        column: for messages.
        place: of the row, from 0.
        value: the field.

    Raises:
        robustkit.DataError: it is no such number.
    """
    try:
        number = int(value) if isinstance(value, str) or value == int(value) else -1
    except (TypeError, ValueError, OverflowError):
        number = -1
    if number < 0 or isinstance(value, bool):
        raise robustkit.DataError(
            f"{path}, row {place + 1}: expected a whole number from 0 as '{column}', got {value!r:.40}",
            "ids are the places of the samples in the whole data set, classes those in the list of classes",
        )
    return number
