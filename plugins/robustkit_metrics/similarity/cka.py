"""Linear centred kernel alignment of all pairs of feature sets at once, from their moments."""

from __future__ import annotations

import numpy as np

from robustkit_metrics.similarity.moments import Array, Moments, block_sums


def unbiased_hsic(m: Moments) -> Array:
    """Return (K, K), the unbiased HSIC of each pair of sets under linear kernels (Song et al. 2012, equation 5).

    The kernel matrices have their diagonals set to 0; it may be negative, and so may that of a set with itself. Needs
    n >= 4.
    """
    n = float(m.n)
    trace = block_sums(m, np.square(m.zz)) - m.pp
    total = np.add.reduceat(np.square(m.z), m.starts) - m.p
    # [i, j]: the sum of x_i . (sum of x_i) over samples, each times the squared length in set j.
    weighted = np.add.reduceat(m.pz * m.z, m.starts, axis=1).T
    chained = block_sums(m, m.zz * np.outer(m.z, m.z)) - weighted - weighted.T + m.pp
    found: Array = trace + np.outer(total, total) / ((n - 1) * (n - 2)) - 2 / (n - 2) * chained
    return found / (n * (n - 3))


def biased_hsic(m: Moments) -> Array:
    """Return (K, K), the biased HSIC of each pair of sets under linear kernels: the squared norm of their scatter."""
    centred = m.zz - np.outer(m.z, m.z / m.n)
    return block_sums(m, np.square(centred)) / (float(m.n) - 1) ** 2


def ratio(hsic: Array) -> Array:
    """Return (K, K), each entry over the roots of its row's and its column's diagonal; NaN where those are not > 0.

    >>> ratio(np.array([[4.0, 1.0], [1.0, 1.0]]))
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    own = np.diag(hsic)
    length = np.sqrt(np.where(own > 0, own, np.nan))
    found: Array = hsic / np.outer(length, length)
    return found


def biased_chance(m: Moments) -> Array:
    """Return (K, K), the expectation of the biased linear CKA when rows are paired at random: closed form.

    Of a centred kernel matrix with permuted rows and columns the mean is tr(K) / (n - 1) times the centring matrix.
    """
    spread = np.array([m.spread(place) for place in range(len(m.widths))])
    own = np.sqrt(np.diag(biased_hsic(m))) * (float(m.n) - 1)
    share = spread / np.where(own > 0, own, np.nan)
    found: Array = np.outer(share, share) / (float(m.n) - 1)
    return found
