"""Columns of the per-sample records, checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit

NO_PREDICTION = -1
"""The prediction of a sample whose logits are not finite, as records have it."""


def columns(records: Mapping[str, NDArray[Any]], *names: str) -> list[NDArray[Any]]:
    """Return the named columns, in order, as they are stored.

    Args:
        records: one array a column.
        names: at least one column.

    Raises:
        robustkit.DataError: a column is missing, empty, of another length than the first, or holds a value that is not
            finite.
    """
    missing = [name for name in names if name not in records]
    if missing:
        raise robustkit.DataError(
            f"expected a record column '{missing[0]}', got {', '.join(sorted(records)) or 'none'}",
            "evaluate the cell again: its records lack what this metric reads",
        )
    chosen = [np.asarray(records[name]) for name in names]
    for name, column in zip(names, chosen, strict=True):
        _check(name, column, len(chosen[0]))
    return chosen


def invalid_note(records: Mapping[str, NDArray[Any]]) -> str:
    """Return what is to be said of samples whose logits an attack made NaN or infinite; empty if there are none."""
    prediction = np.asarray(records.get("prediction", ()))
    count = int((prediction == NO_PREDICTION).sum())
    return (
        f"the logits of {count} of {len(prediction)} samples are not finite: neither right nor fooled" if count else ""
    )


def mean_estimate(records: Mapping[str, NDArray[Any]], name: str) -> robustkit.Estimate:
    """Return the mean of a column of losses with Student's t-interval, cut off at 0.

    Raises:
        robustkit.DataError: as `columns`.
    """
    if note := invalid_note(records):
        return robustkit.Estimate(value=None, n=0, note=f"undefined: {note}")
    (column,) = columns(records, name)
    values = column.astype(np.float64)
    low, high = robustkit.mean_interval(values)
    return robustkit.Estimate(
        value=float(values.mean()),
        n=len(values),
        ci_low=None if low is None else max(low, 0.0),
        ci_high=high,
        interval="student-t",
    )


def _check(name: str, column: NDArray[Any], length: int) -> None:
    if column.shape != (length,) or not length:
        raise robustkit.DataError(
            f"expected record column '{name}' with shape ({length or 'n >= 1'},), got {column.shape}",
            "a metric needs at least one sample and one value a sample",
        )
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise robustkit.DataError(
            f"expected finite values in record column '{name}', got {bad.size} that are not, first in row {bad[0]}",
            "look at the model's outputs for these samples",
        )
