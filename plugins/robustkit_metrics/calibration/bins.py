"""Which bin a probability belongs to."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Edge = Literal["right", "left"]


def bin_index(confidence: NDArray[np.floating[Any]], bins: int, edge: Edge = "right") -> NDArray[np.intp]:
    """Return the bin of each confidence, 0..bins-1, for equal-width bins over [0, 1].

    Both ends of the scale belong to a bin whatever the edge: 0 to the first, and 1 to the last, for which torchmetrics
    1.9.0 has one of its own.

    Args:
        confidence: in [0, 1], of any shape.
        bins: at least 1.
        edge: which end belongs to a bin: `right` for (a, b], `left` for [a, b).

    >>> bin_index(np.array([0.0, 0.2, 0.21, 0.6, 1.0]), 5).tolist()
    [0, 0, 1, 2, 4]
    >>> bin_index(np.array([0.0, 0.2, 0.21, 0.6, 1.0]), 5, "left").tolist()
    [0, 1, 1, 3, 4]
    """
    # k / bins, rounded as the confidences are, is the number that a confidence "on the edge" is equal to.
    edges = (np.arange(1, bins) / bins).astype(np.result_type(confidence, np.float16))
    return np.searchsorted(edges, confidence, side="left" if edge == "right" else "right")


def equal_mass_index(confidence: NDArray[np.floating[Any]], bins: int, edge: Edge = "right") -> NDArray[np.intp]:
    """Return the bin of each confidence, 0..bins-1, for bins with as equal numbers of samples as ties allow.

    Equal confidences share a bin, so bins may be larger than n / bins, or empty.

    Args:
        confidence: (n,), n >= 1.
        bins: at least 1.
        edge: which end belongs to a bin: `right` for (a, b], `left` for [a, b).

    >>> equal_mass_index(np.array([0.9, 0.1, 0.5, 0.7, 0.8, 0.95]), 3).tolist()
    [2, 0, 0, 1, 1, 2]
    >>> equal_mass_index(np.array([0.9, 0.9, 0.9, 1.0]), 2).tolist()
    [0, 0, 0, 1]
    """
    ordered, n, steps = np.sort(confidence), len(confidence), np.arange(1, bins)
    if edge == "right":
        return np.searchsorted(ordered[-(-steps * n // bins) - 1], confidence, side="left")
    return np.searchsorted(ordered[np.minimum(steps * n // bins, n - 1)], confidence, side="right")
