"""Centred kernel alignment from kernel matrices, and its kin: measures over all pairs of some samples."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform

from robustkit_metrics.similarity.moments import Array

TRIMMED = 0.01
"""Share of the samples that `cka-trimmed` leaves out."""


def squared_distances(x: Array) -> Array:
    """Return (n, n), the squared Euclidean distances between rows."""
    # From inner products: differences of all pairs would take d times the memory. Centred, so that few digits cancel.
    x = x - x.mean(axis=0)
    lengths = np.square(x).sum(axis=1)
    found: Array = np.maximum(lengths[:, None] + lengths - 2 * x @ x.T, 0)
    np.fill_diagonal(found, 0)
    return found


def gaussian_kernel(x: Array, bandwidth: str | float) -> Array:
    """Return exp(-d² / (2 sigma²)) for all pairs of rows.

    Args:
        x: (n, d) features.
        bandwidth: sigma, or where its square comes from: `median`, that of all n² squared distances, the zeros of each
            row to itself included; `median-off-diagonal`, that of different rows.
    """
    squared = squared_distances(x)
    if bandwidth == "median":
        variance = float(np.median(squared))
    elif bandwidth == "median-off-diagonal":
        variance = float(np.median(squared[np.triu_indices(len(x), 1)]))
    else:
        variance = float(bandwidth) ** 2
    if variance <= 0:
        return np.full_like(squared, np.nan)
    found: Array = np.exp(-squared / (2 * variance))
    return found


def centre(kernel: Array) -> Array:
    """Return H K H: with the means of rows and columns taken out."""
    found: Array = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    return found


def u_centre(kernel: Array) -> Array:
    """Return a symmetric matrix centred so that products of two of them are unbiased (Szekely and Rizzo 2014).

    The diagonal is 0, and every row sums to 0.
    """
    n = len(kernel)
    bare = kernel - np.diag(np.diag(kernel))
    rows = bare.sum(axis=0) / (n - 2)
    found: Array = bare - rows - rows[:, None] + bare.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(found, 0)
    return found


def cosine(first: Array, second: Array) -> float:
    """Return the cosine between two matrices; NaN where either is 0."""
    own = np.square(first).sum() * np.square(second).sum()
    return float((first * second).sum() / np.sqrt(own)) if own > 0 else float("nan")


def cosine_chance(first: Array, second: Array) -> float:
    """Return what the cosine of two centred kernels is when rows are paired at random: closed form."""
    lengths = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float(np.trace(first) * np.trace(second) / ((len(first) - 1) * lengths)) if lengths > 0 else float("nan")


def trimmed_cka(x: Array, y: Array) -> float:
    """Return the unbiased linear CKA without the 1 % of the samples, one at least, with the most leverage.

    Leverage is the product of a sample's squared distances from the mean in both.
    """
    leverage = np.square(x - x.mean(axis=0)).sum(axis=1) * np.square(y - y.mean(axis=0)).sum(axis=1)
    kept = np.argsort(leverage, kind="stable")[: len(x) - int(np.ceil(TRIMMED * len(x)))]
    return cosine(*(u_centre(each[kept] @ each[kept].T) for each in (x - x.mean(axis=0), y - y.mean(axis=0))))


def euclidean_distances(x: Array) -> Array:
    """Return (n, n), the Euclidean distances between rows."""
    found: Array = squareform(pdist(x))
    return found
