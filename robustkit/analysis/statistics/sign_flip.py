"""The sign-flip test of paired differences in many cells at once, with max-T adjustment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robustkit.analysis.statistics.checked import exponents, finite_array, whole
from robustkit.analysis.statistics.intervals import LEVEL
from robustkit.errors import DataError

Array = NDArray[np.float64]

_BLOCK = 1 << 22  # signs drawn at once: 32 MiB
_SLACK = 1 - 1e-9  # what is equal but for rounding counts as equal


@dataclass(frozen=True, kw_only=True, eq=False)
class SignFlip:
    """What flipping signs says about K cells.

    Attributes:
        p: (K,) two-sided p of each cell on its own.
        adjusted: (K,) p adjusted for all cells (single-step max-T): the chance that any cell differs as much.
        critical: how many standard errors a simultaneous 95 % interval reaches to either side.
        exact: whether all flips were gone through, not a random part of them.
    """

    p: Array
    adjusted: Array
    critical: float
    exact: bool


def sign_flip(differences: ArrayLike, *, flips: int = 10_000, seed: int = 0) -> SignFlip:
    """Return p-values of the hypothesis that paired differences are symmetric around 0, alone and jointly.

    The sign of a sample is flipped in all cells together, so the cells keep their dependence, which adjustments that
    know the p-values alone must take at its worst. With few samples that differ at all, every flip is gone through;
    otherwise so many are drawn at random, and the observed signs count as one of them.

    Source: Westfall & Young (1993), single step; the statistic is the sum over its root mean square.

    Args:
        differences: (n, K) second minus first, by sample and cell.
        flips: how many to draw, at least 1.
        seed: of the generator, numpy's PCG64.

    Raises:
        DataError: there is no sample or cell, a difference is not finite, or `flips` or `seed` is no whole number
            in its range.

    >>> found = sign_flip(np.array([[1.0]] * 3 + [[0.0]] * 7))
    >>> found.p.tolist(), found.exact
    ([0.25], True)
    """
    flips, seed = whole("flips", flips, 1), whole("seed", seed, 0)
    values = finite_array("differences", differences, None, None)
    if not values.size:
        raise DataError(f"expected differences of samples, got shape {values.shape}", "give one row a sample")
    # Zeros have no sign: samples that differ nowhere change nothing, and mostly there are many.
    moving = values[np.any(values != 0, axis=1)]
    moving = np.ldexp(moving, -exponents(values))
    scale = np.sqrt((moving**2).sum(axis=0))
    unit = np.divide(moving, scale, out=np.zeros_like(moving), where=scale > 0)
    observed = np.abs(unit.sum(axis=0)) * _SLACK
    exact = 2 ** min(len(moving), 60) <= flips
    alone, jointly = np.zeros(len(observed)), np.zeros(len(observed))
    highest = []
    for signs in _every(len(moving)) if exact else _drawn(len(moving), flips, seed):
        flipped = np.abs(signs @ unit)
        highest.append(flipped.max(axis=1))
        alone += (flipped >= observed).sum(axis=0)
        jointly += (highest[-1][:, None] >= observed).sum(axis=0)
    done, seen = (2 ** len(moving), 0) if exact else (flips, 1)
    return SignFlip(
        p=(alone + seen) / (done + seen),
        adjusted=(jointly + seen) / (done + seen),
        critical=float(np.quantile(np.concatenate(highest), LEVEL)),
        exact=exact,
    )


def _every(n: int) -> Iterator[Array]:
    codes = np.arange(2**n)[:, None] >> np.arange(n)
    yield (1 - 2 * (codes & 1)).astype(np.float64)


def _drawn(n: int, flips: int, seed: int) -> Iterator[Array]:
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // n)
    for done in range(0, flips, rows):
        signs = 2 * rng.integers(0, 2, size=(min(rows, flips - done), n), dtype=np.int8) - 1
        yield signs.astype(np.float64)
