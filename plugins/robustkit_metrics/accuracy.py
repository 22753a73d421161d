"""Accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note


@dataclass(frozen=True)
class Accuracy:
    """Share of samples whose prediction is the label, in [0, 1], with Wilson's interval.

    Under an attack the prediction is that on the worst input found, so this is robust accuracy. A sample whose logits
    are not finite there is not right.
    """

    params: robustkit.NoParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> robustkit.Estimate:
        """Return the accuracy of `prediction` against `label`.

        Raises:
            robustkit.DataError: there is no sample, or a column is missing or malformed.
        """
        prediction, label = columns(records, "prediction", "label")
        right, n = int((prediction == label).sum()), len(label)
        low, high = robustkit.wilson_interval(right, n)
        note = invalid_note(records)
        return robustkit.Estimate(value=right / n, n=n, ci_low=low, ci_high=high, interval="wilson", note=note)
