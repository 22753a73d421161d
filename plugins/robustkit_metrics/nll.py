"""Negative log-likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import mean_estimate


@dataclass(frozen=True)
class Nll:
    """Mean of -ln p(label): in nats, 0 at best, unbounded above; with Student's t-interval."""

    params: robustkit.NoParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> robustkit.Estimate:
        """Return the mean of the column `nll`.

        Raises:
            robustkit.DataError: there is no sample, or the column is missing or malformed.
        """
        return mean_estimate(records, "nll")
