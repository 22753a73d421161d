"""Calibration error from what each bin holds, its bias, and what that is for a calibrated model."""

from __future__ import annotations

from math import pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Norm = Literal["l1", "l2", "max"]
Floats = NDArray[np.float64]


def calibration_error(gaps: Floats, counts: Floats, norm: Norm = "l1") -> Floats:
    """Return the calibration error over bins, in [0, 1]; 0 where no bin holds anything.

    With n_b samples in bin b and g_b = accuracy_b - mean confidence_b: `l1` (ECE) is sum n_b/n |g_b|, `l2` (RMSCE) the
    root of sum n_b/n g_b^2, `max` (MCE) the largest |g_b|.

    Source: Guo et al. (2017), section 2; `l2` as in Kumar et al. (2019).

    Args:
        gaps: (..., bins), n_b g_b: the sum over a bin of whether a sample is right, less its confidence.
        counts: (..., bins), n_b; 0 for empty bins.
        norm: see above.

    >>> float(calibration_error(np.array([-0.2, 0.3]), np.array([1.0, 3.0])))
    0.125
    >>> float(calibration_error(np.array([-0.2, 0.3]), np.array([1.0, 3.0]), "max"))
    0.2
    """
    n = np.maximum(counts.sum(-1), 1)
    if norm == "l1":
        return np.asarray(np.abs(gaps).sum(-1) / n)
    if norm == "max":
        return np.asarray(_divide(np.abs(gaps), counts).max(-1))
    return np.asarray(np.sqrt(_divide(np.square(gaps), counts).sum(-1) / n))


def debiased_square(gaps: Floats, right: Floats, counts: Floats, times: int = 1) -> Floats:
    """Return the square of the `l2` calibration error without the bias of a finite sample; it may be below 0.

    From each g_b^2 the variance of accuracy_b is taken, accuracy_b (1 - accuracy_b) / (n_b - 1). Bins with a single
    sample have none to take, and are left out of numerator and denominator.

    Source: Kumar, Liang and Ma (2019), Verified uncertainty calibration, section 5 (there for confidences that are
    constant in a bin).

    Args:
        gaps: (..., bins), as in `calibration_error`.
        right: (..., bins), right samples of a bin.
        counts: (..., bins), samples of a bin.
        times: how often the bias is taken: a bootstrap resample has that of the sample and its own.

    >>> round(float(debiased_square(np.array([1.0]), np.array([8.0]), np.array([10.0]))), 6)
    -0.007778
    """
    usable = counts > 1
    accuracy = _divide(right, counts)
    variance = _divide(accuracy * (1 - accuracy), np.where(usable, counts - 1, 0))
    squares = np.square(_divide(gaps, counts)) - times * variance
    return np.asarray(_divide((squares * counts * usable).sum(-1), (counts * usable).sum(-1)))


def chance_error(confidence: Floats, bins: NDArray[np.intp], norm: Norm) -> float | None:
    """Return the calibration error that a calibrated model with these confidences would have: the bias of the estimate.

    The sum over a bin of whether samples are right, less their confidences c, then has mean 0 and variance
    v_b = sum c (1 - c), and is taken as normal: `l1` is sum sqrt(2 v_b / pi) / n, `l2` the root of sum v_b/n_b / n. It
    grows as sqrt(bins/n). There is no such formula for `max`: None. (robustkit's choice)

    Args:
        confidence: (n,), in [0, 1].
        bins: (n,), the bin of each.
        norm: see above.

    >>> round(chance_error(np.full(100, 0.5), np.zeros(100, dtype=np.intp), "l1"), 4)
    0.0399
    """
    if norm == "max":
        return None
    n = len(confidence)
    variance = np.bincount(bins, np.clip(confidence * (1 - confidence), 0, None))
    if norm == "l1":
        return float(np.sqrt(2 * variance / pi).sum() / n)
    return float(np.sqrt(_divide(variance, np.bincount(bins).astype(np.float64)).sum() / n))


def _divide(above: NDArray[Any], below: NDArray[Any]) -> Floats:
    """Return the quotients, 0 where the denominator is."""
    out = np.zeros(np.broadcast_shapes(np.shape(above), np.shape(below)))
    np.divide(above, below, out=out, where=np.asarray(below) != 0)
    return out
