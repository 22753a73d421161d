"""Signs that a training ended without having learnt anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.training.history import COLUMNS, best_epoch


def signs_of_failure(history: Sequence[Mapping[str, Any]], labels: NDArray[np.int64]) -> list[str]:
    """Return a sentence for each sign, robustkit's choice of two; none is a proof, and none of them no proof either.

    Args:
        history: one row an epoch, at least one.
        labels: (n,) of the validation samples, 0 or above.
    """
    return [sign for sign in (_no_better_than_one_answer(history, labels), _risen_loss(history)) if sign]


def _no_better_than_one_answer(history: Sequence[Mapping[str, Any]], labels: NDArray[np.int64]) -> str:
    row, most = history[best_epoch(history) - 1], int(np.bincount(labels).max())
    if row["validation_correct"] > most:
        return ""
    return (
        f"even the best epoch has {row['validation_correct']} of {row['validation_n']} validation samples right; "
        f"one answer for all, always the most frequent class, would have {most}: the model has learnt nothing that "
        "shows here"
    )


def _risen_loss(history: Sequence[Mapping[str, Any]]) -> str:
    """Compare the last epoch with the first one whose loss has the same parts: a warm-up has another one."""
    last = history[-1]
    first = next(row for row in history if row.keys() - {*COLUMNS} == last.keys() - {*COLUMNS})
    if last["loss"] <= first["loss"]:
        return ""
    return (
        f"the training loss is {last['loss']:.6g} in epoch {last['epoch']}, above the {first['loss']:.6g} of epoch "
        f"{first['epoch']}: a lower --lr may help"
    )
