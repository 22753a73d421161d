"""Worst-class accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note
from robustkit_metrics.groups.accuracies import worst_parts

_LISTED = 12


@dataclass(frozen=True)
class WorstClass:
    """Recall of the class that the model knows worst, and of each class.

    Parts: `worst`, `gap` (mean over classes less worst), `average-of-classes` (macro recall, also called balanced
    accuracy), and `class=K` for each label that was evaluated. See `worst_parts` for the intervals and for the
    selection effect of a minimum.
    """

    params: robustkit.NoParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> dict[str, robustkit.Estimate]:
        """Return the parts, from the columns `prediction` and `label`.

        Raises:
            robustkit.DataError: there is no sample, or a column is missing or malformed.
        """
        prediction, label = columns(records, "prediction", "label")
        labels, place = np.unique(label, return_inverse=True)
        names = [f"class={each}" for each in labels]
        note = "; ".join(filter(None, [_absent(label, prediction), invalid_note(records)]))
        return worst_parts(prediction == label, place, names, what="class", note=note)


def _absent(label: NDArray[Any], prediction: NDArray[Any]) -> str:
    """Return which classes have no sample, of those up to the last that is known from labels and predictions."""
    absent = np.setdiff1d(np.arange(max(label.max(), prediction.max()) + 1), label)
    if not len(absent):
        return ""
    more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
    return f"no sample is of the classes {', '.join(map(str, absent[:_LISTED]))}{more}"
