"""What is the same under invertible linear maps: canonical correlations, and how well features predict others."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.linalg import eigh

from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.view import Pair, View

_DRAWS = 1000
"""How many canonical correlations of unrelated features are drawn, at least; fewer sets of them where each has many."""


def correlations(view: View, pair: Pair) -> Array:
    """Return the canonical correlations of two layers, the largest first."""
    return _rotate(view, pair, 1.0)[1]


def mean_correlation(view: View, pair: Pair) -> float:
    """Return their mean (Raghu et al. 2017, section 2)."""
    return float(correlations(view, pair).mean())


def mean_squared_correlation(view: View, pair: Pair) -> float:
    """Return the mean of their squares: R²_CCA of Kornblith et al. (2019), Yanai's GCD."""
    return float(np.square(correlations(view, pair)).mean())


def svcca(view: View, pair: Pair, keep: float) -> float:
    """Return the mean correlation of the first principal components that reach a share of the variance."""
    return float(_rotate(view, pair, keep)[1].mean())


def pwcca(view: View, pair: Pair) -> float:
    """Return the correlations weighted by how much of the first layer's features their variates are (Morcos 2018).

    A weight is the sum of the absolute inner products of a variate with the features, which follows from covariances.
    """
    left, rho, _ = _rotate(view, pair, 1.0)
    variances, directions = view.eigen(pair[0])
    weights = np.abs((left.T * np.sqrt(variances)) @ directions.T).sum(axis=1)
    return float(weights @ rho / weights.sum())


def explained(view: View, pair: Pair, ridge: float) -> float:
    """Return the share of the second layer's variance that a ridge regression on the first explains, in the sample.

    Args:
        view: what is known of the layers.
        pair: the layers.
        ridge: what is added to every variance of the first, in units of its mean variance.
    """
    variances, directions = view.eigen(pair[0])
    coefficients = directions.T @ view.scatter(*pair)
    share = _shrunken(variances, ridge * variances.sum() / view.width(pair[0])) / variances
    return float((share @ np.square(coefficients)).sum() / view.spread(pair[1]))


def gulp(view: View, pair: Pair, ridge: float) -> float:
    """Return the squared GULP distance (Boix-Adsera et al. 2022), with ridge in units of a layer's mean variance."""
    (first, own), (second, other) = (view.eigen(layer) for layer in pair)
    penalties = [ridge * each.sum() / view.width(layer) for each, layer in zip((first, second), pair, strict=True)]
    return gulp_distance(own.T @ view.scatter(*pair) @ other, first, second, penalties[0], penalties[1])


def gulp_distance(cross: Array, first: Array, second: Array, penalty: float, other: float) -> float:
    """Return tr(A²) + tr(B²) - 2 tr(…) from cross-products and variances along principal components."""
    a, b = first / (first + penalty), second / (second + other)
    shared = np.square(cross) / np.outer(first + penalty, second + other)
    return float((a @ a) + (b @ b) - 2 * shared.sum())


def squared_chance(view: View, pair: Pair) -> float:
    """Return the mean squared correlation when rows are paired at random: closed form."""
    return max(len(view.eigen(layer)[0]) for layer in pair) / (view.n - 1)


def mean_chance(view: View, pair: Pair, keep: float = 1.0) -> float:
    """Return the mean correlation of unrelated Gaussian features of the same ranks."""
    first, second = (_kept(view.eigen(layer)[0], keep) for layer in pair)
    return null_correlation(int(view.n), min(first, second), max(first, second))


def explained_chance(view: View, pair: Pair, ridge: float) -> float:
    """Return the share that is explained when rows are paired at random: closed form."""
    variances, _ = view.eigen(pair[0])
    penalty = ridge * variances.sum() / view.width(pair[0])
    return float(_shrunken(variances, penalty).sum() / (view.n - 1))


def gulp_chance(view: View, pair: Pair, ridge: float) -> float:
    """Return the squared distance when rows are paired at random: closed form."""
    a, b = (each / (each + ridge * each.sum() / view.width(p)) for p in pair for each in [view.eigen(p)[0]])
    return float((a @ a) + (b @ b) - 2 * a.sum() * b.sum() / (view.n - 1))


@lru_cache(maxsize=1024)
def null_correlation(n: int, first: int, second: int) -> float:
    """Return the mean canonical correlation of unrelated Gaussian features, drawn with a fixed seed.

    Args:
        n: samples.
        first: the smaller rank.
        second: the larger.
    """
    random = np.random.default_rng(0)
    draws = max(1, _DRAWS // first)
    return float(np.mean([_drawn(random, n - 1, first, second) for _ in range(draws)]))


def _drawn(random: np.random.Generator, room: int, first: int, second: int) -> float:
    """Return the mean cosine between a random subspace and a fixed one in a space of `room` dimensions."""
    if room < first + second:
        basis = np.linalg.qr(random.standard_normal((room, first)))[0]
        return float(np.linalg.svd(basis[:second], compute_uv=False).mean())
    inside, outside = (_wishart(random, first, degrees) for degrees in (second, room - second))
    squares = eigh(inside, inside + outside, eigvals_only=True)
    return float(np.sqrt(squares.clip(0, 1)).mean())


def _wishart(random: np.random.Generator, size: int, degrees: int) -> Array:
    """Return a Wishart matrix, by Bartlett's decomposition."""
    factor = np.tril(random.standard_normal((size, size)), -1)
    factor[np.diag_indices(size)] = np.sqrt(random.chisquare(degrees - np.arange(size)))
    return factor @ factor.T


def _rotate(view: View, pair: Pair, keep: float) -> tuple[Array, Array, Array]:
    (first, own), (second, other) = (view.eigen(layer) for layer in pair)
    a, b = _kept(first, keep), _kept(second, keep)
    cross = own[:, :a].T @ view.scatter(*pair) @ other[:, :b]
    left, rho, right = np.linalg.svd(cross / np.sqrt(np.outer(first[:a], second[:b])), full_matrices=False)
    return left, rho, right


def _kept(variances: Array, keep: float) -> int:
    """Return how many of the largest variances reach a share of their sum, the one that crosses it included."""
    if keep >= 1:
        return len(variances)
    return min(int(np.searchsorted(np.cumsum(variances), keep * variances.sum())) + 1, len(variances))


def _shrunken(variances: Array, penalty: float) -> Array:
    """Return what ridge regression keeps of a response along each principal component."""
    found: Array = variances * (variances + 2 * penalty) / np.square(variances + penalty)
    return found
