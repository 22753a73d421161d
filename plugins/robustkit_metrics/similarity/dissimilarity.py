"""Representational similarity analysis: whether the same pairs of samples are unlike (Kriegeskorte et al. 2008)."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import squareform

from robustkit_metrics.similarity.kernels import squared_distances
from robustkit_metrics.similarity.moments import Array


def dissimilarities(x: Array, kind: str) -> Array:
    """Return (n (n - 1) / 2,), how unlike each pair of rows is.

    Args:
        x: (n, d) features.
        kind: `correlation`, 1 - the correlation of two rows; NaN where a row does not vary. Or `squared-euclidean`.
    """
    if kind == "squared-euclidean":
        return squareform(squared_distances(x), checks=False)  # type: ignore[no-any-return]
    rows = x - x.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(length > 1e-12 * np.linalg.norm(x, axis=1, keepdims=True), length, np.nan)
    return squareform(1 - rows @ rows.T, checks=False)  # type: ignore[no-any-return]


def ranks(values: Array) -> Array:
    """Return ranks, of equals their mean; NaN where any value is."""
    # It takes as long to import as half of torch.
    from scipy.stats import rankdata

    found: Array = rankdata(values) if np.isfinite(values).all() else np.full(len(values), np.nan)
    return found


def correlation(first: Array, second: Array) -> float:
    """Return Pearson's correlation; NaN where either does not vary."""
    first, second = first - first.mean(), second - second.mean()
    own = (first @ first) * (second @ second)
    return float(first @ second / np.sqrt(own)) if own > 0 else float("nan")
