"""Poisson counts from one uniform number each, by the inverse of their distribution function."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import pdtr
from torch import Tensor

from robustkit_corruptions.pixels import WHITE, divide_

_LEVELS = 256
_CELLS = 4096
_MOST_PHOTONS = 1000
"""Up to which a table is made: severity 0.5 of cifar. A table grows with the photons, at severity 0.001 to 1 GB."""


class Table(NamedTuple):
    """The distributions of the counts of all levels.

    Attributes:
        counts: (256 * 4096,) int16, the count of each level and of each 4096th of the unit interval; where the interval
            holds several counts, -1 minus the first of them.
        below: (256, K) float64, P(X <= k) of each level.
    """

    counts: Tensor
    below: Tensor


def photon_counts(values: Tensor, photons: float, uniforms: Tensor) -> Tensor:
    """Return counts: the smallest k with P(X <= k) > u, for X of a Poisson distribution.

    Images of whole levels, which have few means, take their counts from a table, where that is small.

    Args:
        values: any shape, float64, in 0..255.
        photons: the mean at 255; at other values, their share of it.
        uniforms: the same shape, in [0, 1).

    Returns:
        The same shape, float64.

    >>> photon_counts(torch.tensor([0, 102, 102]).double(), 5.0, torch.tensor([0.9, 0.1, 0.5]).double()).tolist()
    [0.0, 0.0, 2.0]
    """
    if photons <= _MOST_PHOTONS and not bool(values.frac().sum()):
        known = table(photons, values.device)
        return _tabulated(values.to(torch.int64).flatten(), known, uniforms.flatten()).view_as(values)
    return quantiles(divide_(values.clone(), WHITE) * photons, uniforms)


def _tabulated(levels: Tensor, known: Table, uniforms: Tensor) -> Tensor:
    cells = (uniforms * _CELLS).to(torch.int64).add_(levels, alpha=_CELLS)
    counts = known.counts.gather(0, cells)
    several = _positions(counts < 0)
    of, u, cells = levels[several], uniforms[several], cells[several]
    low, high = _first(counts[several]), _first(known.counts[(cells + 1).clamp_(max=len(known.counts) - 1)])
    # No count lies above the first one of the next interval, and in a level's last interval none above the largest.
    high = torch.where((cells + 1) % _CELLS == 0, known.below.shape[1] - 1, high)
    while bool((low < high).any()):
        middle = (low + high) // 2
        reached = known.below[of, middle] > u
        low, high = torch.where(reached, low, middle + 1), torch.where(reached, middle, high)
    counts[several] = low.to(counts.dtype)
    return counts.to(torch.float64)


def _first(counts: Tensor) -> Tensor:
    """Return the first count of each interval, int64, from what a table holds."""
    wide = counts.to(torch.int64)
    return torch.where(wide < 0, -1 - wide, wide)


def _positions(marked: Tensor) -> Tensor:
    """Return where a (N,) mask is true; on a CPU by numpy, which is six times as fast."""
    if marked.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(marked.numpy()))
    return marked.nonzero().flatten()


@lru_cache(maxsize=16)
def table(photons: float, device: torch.device) -> Table:
    """Return the distributions for images whose white has a mean of `photons`; computed on the CPU."""
    means = np.arange(_LEVELS) / (_LEVELS - 1) * photons
    most = int(photons + 12 * photons**0.5 + 50)
    below = pdtr(np.arange(most), means[:, None])
    below[:, -1] = 1.0
    edges = np.arange(_CELLS + 1) / _CELLS
    first = np.stack([np.searchsorted(row, edges, side="right") for row in below])
    # Of the interval's upper edge the count just below counts; where it is the same, so is all between.
    last = np.stack([np.searchsorted(row, edges[1:], side="left") for row in below])
    counts = np.where(first[:, :-1] == last, last, -1 - first[:, :-1])
    return Table(
        counts=torch.from_numpy(counts.astype(np.int16).ravel()).to(device),
        below=torch.from_numpy(below).to(device),
    )


def quantiles(means: Tensor, uniforms: Tensor) -> Tensor:
    """Return the counts of any means, by bisection.

    Args:
        means: any shape, float64, at least 0.
        uniforms: the same shape, in [0, 1).
    """
    # An interval that holds all but 2**-53 of the distribution.
    low = (means - 9 * means.sqrt() - 1).floor_().clamp_(min=-1)
    high = (means + 9 * means.sqrt() + 40).ceil_()
    while bool((high - low > 1).any()):
        middle = ((low + high) / 2).floor_()
        # P(X <= k) is the regularised upper incomplete gamma function at k + 1.
        reached = torch.special.gammaincc(middle + 1, means) > uniforms
        high, low = torch.where(reached, middle, high), torch.where(reached, low, middle)
    return high
