"""How well one layer's features can be rotated onto another's (Ding et al. 2021), from their moments."""

from __future__ import annotations

import numpy as np

from robustkit_metrics.similarity.view import Pair, View

_DRAWS = 256
"""How many singular values of unrelated features are drawn, at least."""


def nuclear(view: View, pair: Pair) -> float:
    """Return the nuclear norm of the cross-products of the features, centred and of unit norm: 1 after a rotation."""
    length = np.sqrt(view.spread(pair[0]) * view.spread(pair[1]))
    return float(np.linalg.svd(view.scatter(*pair), compute_uv=False).sum() / length)


def nuclear_chance(view: View, pair: Pair) -> float:
    """Return what it is for unrelated features of these variances, with Gaussian cross-products of a fixed seed.

    When rows are paired at random, the cross-products have mean 0 and the covariance of such Gaussians.
    """
    first, second = (view.eigen(layer)[0] for layer in pair)
    draws = max(1, _DRAWS // min(len(first), len(second)))
    drawn = np.random.default_rng(0).standard_normal((draws, len(first), len(second)))
    cross = np.sqrt(np.outer(first, second) / (view.n - 1)) * drawn
    norms = np.linalg.svd(cross, compute_uv=False).sum(axis=1)
    return float(norms.mean() / np.sqrt(first.sum() * second.sum()))


def angle(norm: float) -> float:
    """Return the angle, in radians: a metric. Above 1 the norm is so by rounding."""
    return float(np.arccos(min(norm, 1.0)))


def squared_distance(norm: float) -> float:
    """Return the squared distance after the best rotation, from 0 to 2."""
    return 2 - 2 * norm
