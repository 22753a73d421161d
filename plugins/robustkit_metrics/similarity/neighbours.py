"""Whether samples have the same nearest neighbours (Huh et al. 2024, The platonic representation hypothesis)."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from robustkit_metrics.similarity.kernels import squared_distances
from robustkit_metrics.similarity.moments import Array


def nearest(x: Array, count: int, distance: str) -> NDArray[np.bool_]:
    """Return (n, n), which samples are among the nearest of each, itself excluded; of equals the earlier ones.

    Args:
        x: (n, d) features, not centred.
        count: how many are nearest, less than n.
        distance: `cosine` or `euclidean`.
    """
    far = -_unit(x) @ _unit(x).T if distance == "cosine" else squared_distances(x)
    np.fill_diagonal(far, np.inf)
    places = np.argsort(far, axis=1, kind="stable")[:, :count]
    found = np.zeros(far.shape, dtype=bool)
    np.put_along_axis(found, places, True, axis=1)
    return found


def mutual(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the share of a sample's neighbours that are so in both, on average."""
    return float(((first & second).sum(axis=1) / first.sum(axis=1)).mean())


def jaccard(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the neighbours in both over those in either, on average."""
    return float(((first & second).sum(axis=1) / (first | second).sum(axis=1)).mean())


def mutual_chance(n: int, count: int) -> float:
    """Return the share for unrelated features.

    >>> mutual_chance(101, 10)
    0.1
    """
    return count / (n - 1)


def jaccard_chance(n: int, count: int) -> float:
    """Return the Jaccard index for unrelated features: the common neighbours are a hypergeometric draw."""
    ways = [comb(count, both) * comb(n - 1 - count, count - both) for both in range(count + 1)]
    return sum(way * both / (2 * count - both) for both, way in enumerate(ways)) / comb(n - 1, count)


def _unit(x: Array) -> Array:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    found: Array = x / np.where(length > 0, length, 1)
    return found
