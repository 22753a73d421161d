"""Attack success rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import robustkit
from robustkit_metrics.attacked import outcomes
from robustkit_metrics.columns import invalid_note


@dataclass(frozen=True)
class AttackSuccessRate:
    """Share of the samples that were right that the attack broke, in [0, 1], with Wilson's interval.

    Samples that were wrong before are not attacked and do not count. Those whose logits under attack are not finite
    count as attacked and not as broken.
    """

    params: robustkit.NoParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> robustkit.Estimate:
        """Return the rate, from the column `broken_by`; undefined where no sample was right.

        Raises:
            robustkit.DataError: there is no sample, or no such column.
        """
        found = outcomes(records)
        broken, n = int(found.broken.sum()), int((~found.wrong_before).sum())
        if not n:
            return robustkit.Estimate(value=None, n=0, note="undefined: no sample was right before the attack")
        low, high = robustkit.wilson_interval(broken, n)
        note = invalid_note(records) if found.invalid.any() else ""
        return robustkit.Estimate(value=broken / n, n=n, ci_low=low, ci_high=high, interval="wilson", note=note)
