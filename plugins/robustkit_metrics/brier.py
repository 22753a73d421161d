"""Brier score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import mean_estimate


@dataclass(frozen=True)
class Brier:
    """Mean over samples of the sum over classes of (p - one-hot label)^2, with Student's t-interval.

    Between 0 and 2 whatever the number of classes (Brier 1950, equation 2). Others divide by the number of classes, or
    halve it for two classes: such numbers are smaller and do not compare.
    """

    params: robustkit.NoParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> robustkit.Estimate:
        """Return the mean of the column `brier`, which holds the sum over classes for each sample.

        Raises:
            robustkit.DataError: there is no sample, or the column is missing or malformed.
        """
        return mean_estimate(records, "brier")
