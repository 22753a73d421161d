"""How far features have collapsed to the means of their classes, from those means and what lies about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RANK = 1e-6  # singular values below this share of the largest are rounding


def nc1(means: Floats, within: Callable[[Floats], Floats]) -> float:
    """Return tr(W B⁺) / C (Papyan et al. 2020, NC1): W the covariance within classes, B that of their means; 0 or more.

    The global mean is the mean of the class means, so that unequal classes do not bend the geometry.

    Args:
        means: (C, d) of the classes, at least 2; not all the same.
        within: maps (d, k) orthonormal directions to (k,) the variances within classes along them, 0 or more.

    >>> along = lambda directions: np.array([1.0, 9.0]) @ directions**2
    >>> round(nc1(np.array([[0.0, 0.0], [4.0, 0.0]]), along), 6)
    0.125
    """
    # B has at most rank C - 1: what a pseudo-inverse would make of the rest is rounding.
    _, values, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    values = values[: len(means) - 1]
    values = values[values > _RANK * values[0]]
    return float((within(directions[: len(values)].T) / np.square(values)).sum())


def cdnv(means: Floats, variances: Floats) -> float:
    """Return the class-distance normalised variance (Galanti et al. 2022), on average over pairs of classes; 0 or more.

    Args:
        means: (C, d) of the classes, at least 2, no two the same.
        variances: (C,) mean squared distances of a class's samples from its mean.

    >>> cdnv(np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([1.0, 3.0]))
    0.125
    """
    first, second = np.triu_indices(len(means), 1)
    apart = np.square(means[first] - means[second]).sum(axis=1)
    return float(((variances[first] + variances[second]) / (2 * apart)).mean())
