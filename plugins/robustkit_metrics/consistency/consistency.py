"""Consistency of predictions under degradation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note
from robustkit_metrics.consistency.kappa import cohen_kappa

_Z = 1.959963984540054
"""Of the normal distribution, at 95 %."""


@dataclass(frozen=True)
class Consistency:
    """How far the predictions on degraded inputs are those of the same model on the same inputs when clean.

    Parts: `agreement`, the share of samples with the same prediction, right or wrong; `flip-rate`, the share with
    another, 1 - agreement; `churn-of-correct`, of the samples that were right the share that no longer is; `kappa`,
    Cohen's kappa of the two predictions. Shares have Wilson's interval, kappa that of its standard error in large
    samples. A model that always says the same class agrees with itself: only kappa, which is then undefined, shows it.
    Samples whose logits are not finite have another prediction.
    """

    params: robustkit.NoParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> dict[str, robustkit.Estimate]:
        """Return the parts, from the columns `label`, `prediction` and `clean_prediction`.

        Raises:
            robustkit.DataError: there is no sample, or a column is missing or malformed.
        """
        label, now, before = columns(records, "label", "prediction", "clean_prediction")
        note = invalid_note(records)
        same, right = now == before, before == label
        return {
            "agreement": _share(same, note),
            "flip-rate": _share(~same, note),
            "churn-of-correct": _share(now[right] != label[right], note),
            "kappa": _kappa(before, now, note),
        }


def _share(chosen: NDArray[Any], note: str) -> robustkit.Estimate:
    n = len(chosen)
    if not n:
        return robustkit.Estimate(value=None, n=0, note="undefined: no sample was right before")
    count = int(chosen.sum())
    low, high = robustkit.wilson_interval(count, n)
    return robustkit.Estimate(value=count / n, n=n, ci_low=low, ci_high=high, interval="wilson", note=note)


def _kappa(before: NDArray[Any], now: NDArray[Any], note: str) -> robustkit.Estimate:
    n, (kappa, error) = len(now), cohen_kappa(before, now)
    if kappa is None:
        why = "undefined: every sample has the same prediction, clean and degraded, so all agreement may be chance"
        return robustkit.Estimate(value=None, n=n, note=why)
    # Where all samples agree the error is 0: an interval of no width would claim certainty.
    low, high = (max(kappa - _Z * error, -1.0), min(kappa + _Z * error, 1.0)) if error else (None, None)
    return robustkit.Estimate(
        value=kappa, n=n, ci_low=low, ci_high=high, interval="normal" if error else "", note=note, chance=0.0
    )
