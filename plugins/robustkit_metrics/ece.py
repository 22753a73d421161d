"""Expected calibration error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note
from robustkit_metrics.params import EceParams

_ROUNDING = 1e-6  # a float32 softmax may exceed 1 by this much


@dataclass(frozen=True)
class Ece:
    """Expected calibration error of the predicted class: sum over bins of n_b/n |accuracy_b - mean confidence_b|.

    Bins have equal width and are closed on the right, ((b-1)/B, b/B], as in Guo et al. (2017), section 2; confidence 0
    belongs to the first. Implementations with bins closed on the left differ wherever a confidence sits on an edge.

    The estimate is biased upward by about sqrt(bins/n) for a well calibrated model, so values at different n do not
    compare. Its percentile bootstrap interval (1,000 resamples, seed 0) inherits that bias; it is widened to contain
    the value where it would not, which is robustkit's choice.
    """

    params: EceParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> robustkit.Estimate:
        """Return the error, in [0, 1], from the columns `confidence`, `prediction` and `label`.

        Raises:
            robustkit.DataError: there is no sample, a column is missing or malformed, or a confidence is not in [0, 1].
        """
        if note := invalid_note(records):
            return robustkit.Estimate(value=None, n=0, note=f"undefined: {note}")
        confidence, prediction, label = columns(records, "confidence", "prediction", "label")
        if confidence.min() < 0 or confidence.max() > 1 + _ROUNDING:
            raise robustkit.DataError(
                f"expected confidences in [0, 1], got {confidence.min()} to {confidence.max()}",
                "the column must hold probabilities, not logits",
            )
        n = len(confidence)
        gaps = np.zeros((n, self.params.bins))
        gaps[np.arange(n), bin_index(confidence, self.params.bins)] = (prediction == label) - confidence.astype(float)
        value = float(np.abs(gaps.sum(axis=0)).sum()) / n
        low, high = robustkit.bootstrap_interval(lambda counts: np.abs(counts @ gaps).sum(axis=1) / n, n)
        return robustkit.Estimate(
            value=value, n=n, ci_low=min(low, value), ci_high=max(high, value), interval="bootstrap"
        )


def bin_index(confidence: NDArray[np.floating[Any]], bins: int) -> NDArray[np.intp]:
    """Return the bin of each confidence, 0..bins-1, for equal-width bins over [0, 1] closed on the right.

    >>> bin_index(np.array([0.0, 0.2, 0.21, 0.6, 1.0]), 5).tolist()
    [0, 0, 1, 2, 4]
    """
    # k / bins, rounded as the confidences are, is the number that a confidence "on the edge" is equal to.
    edges = (np.arange(1, bins) / bins).astype(np.result_type(confidence, np.float16))
    return np.searchsorted(edges, confidence, side="left")
