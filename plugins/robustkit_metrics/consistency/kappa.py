"""Cohen's kappa: agreement beyond what the two marginal distributions give by chance."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cohen_kappa(first: NDArray[Any], second: NDArray[Any]) -> tuple[float | None, float]:
    """Return kappa = (p_o - p_e) / (1 - p_e), in [-1, 1], and its standard error.

    p_o is the share of samples on which the two agree, p_e what it would be were they independent: the sum over classes
    of the product of their shares. Kappa is None where p_e is 1: both say the same of every sample.

    The standard error is that of large samples, Fleiss, Cohen and Everitt (1969), formula 13, here as the standard
    deviation of each sample's influence on kappa.

    Args:
        first: (n,) classes, n >= 1.
        second: (n,) classes of the same samples.

    >>> kappa, error = cohen_kappa(np.repeat([0, 0, 1, 1], [20, 5, 10, 15]), np.repeat([0, 1, 0, 1], [20, 5, 10, 15]))
    >>> round(kappa, 6), round(error, 4)
    (0.4, 0.127)
    """
    classes, both = np.unique(np.concatenate([first, second]), return_inverse=True)
    rows, columns = both[: len(first)], both[len(first) :]
    shares = [np.bincount(each, minlength=len(classes)) / len(first) for each in (rows, columns)]
    same = (rows == columns).astype(np.float64)
    observed, expected = float(same.mean()), float(shares[0] @ shares[1])
    if expected >= 1:
        return None, 0.0
    kappa = (observed - expected) / (1 - expected)
    by_chance = shares[1][rows] + shares[0][columns] - 2 * expected
    influence = ((same - observed) - (1 - kappa) * by_chance) / (1 - expected)
    return kappa, sqrt(float(np.square(influence).mean()) / len(first))
