"""The rank correlation without the noise of an estimator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.contextual.describing import LEAST_RELIABILITY, whole_reliability

PART = "rank-correlation-disattenuated"

_TOO_LITTLE = 0.1

_CROSSED, *_RELIABLE = ("about halves", "about reliability of utility", "about reliability of sensitivity")


def correct_for_noise(columns: robustkit.State, spec: str) -> dict[str, robustkit.Estimate]:
    """Return the rank correlation that draws without end would give, by name; nothing where sensitivity is exact.

    Utility of one half of the draws is correlated with sensitivity of the other, whose noise is another, and divided by
    the root of the product of both reliabilities, Spearman (1904): a ratio of means over samples, with the percentile
    bootstrap over samples. It may exceed 1. Where the lower reliability of all draws is below 0.8 it is unreliable,
    below 0.1 undefined: a little noise in the divisor then makes any number.

    Args:
        columns: of the state.
        spec: what was computed, without the part.
    """
    if _CROSSED not in columns:
        return {}
    table = np.stack([columns[name] for name in (_CROSSED, *_RELIABLE)])
    table = table[:, np.isfinite(table).all(axis=0)]
    spec = f"contextual/{PART}{spec}"
    value = float(_corrected(table.mean(axis=1, keepdims=True).T)[0]) if table.size else np.nan
    weakest = whole_reliability(float(table[1:].mean(axis=1).min())) if table.size else 0.0
    if not np.isfinite(value) or weakest < _TOO_LITTLE:
        why = "both halves of the draws do not agree on the ranks" if table.size else "no sample has ranks"
        return {PART: robustkit.Estimate(value=None, n=0, note=f"undefined: {why}; raise draws", spec=spec)}
    n = table.shape[1]
    try:
        low, high = robustkit.bootstrap_interval(lambda counts: _corrected(counts @ table.T / n), n)
    except robustkit.DataError:  # Some resample has no reliability.
        low = high = np.nan
    known = bool(np.isfinite([low, high]).all()) and n > 1
    doubt = (
        f"too few draws: ranks have a reliability of {weakest:.2f}, by whose root it is divided; raise draws"
        if weakest < LEAST_RELIABILITY
        else ""
    )
    return {
        PART: robustkit.Estimate(
            value=value,
            n=n,
            ci_low=low if known else None,
            ci_high=high if known else None,
            interval="bootstrap" if known else "",
            note=doubt,
            unreliable=bool(doubt),
            spec=spec,
        )
    }


def _corrected(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (R,): the corrected correlation from (R, 3) means; NaN where there is no reliability."""
    crossed, *reliable = means.T
    usable = np.minimum(*reliable) > 0
    product = np.where(usable, reliable[0] * reliable[1], 1)
    return np.where(usable, crossed / np.sqrt(product), np.nan)
