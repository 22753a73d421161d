"""Sums over samples from which every similarity that rests on covariances follows exactly, whatever the batches were.

Several feature matrices of the same samples lie side by side: sets X_1, …, X_K, a sample's row of which is z, with D
columns. With p_k the squared length of its row of X_k, what is kept are n and the sums of z, z z', p, p p' and p z',
about a fixed pivot. They are additive, and all that is needed to move them to another pivot is among them. Any pair of
sets is a block of them, so one matrix product serves all pairs.

Source: Song et al. (2012), Feature selection via dependence maximization, equation 5, written in sums; the reduction is
robustkit's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

_SUMS = ("n", "z", "zz", "p", "pp", "pz")
_BAND = 128
_FLOAT32 = 1e-7  # relative spread below which float32 features are constant


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Sums over n samples of K sets of features with D columns together.

    Attributes:
        widths: (K,) the number of columns of each set.
        n: () the number of samples.
        pivot: (D,) what is subtracted from each sample first.
        z: (D,) sum of the samples.
        zz: (D, D) sum of their outer products.
        p: (K,) sum of the squared lengths in each set.
        pp: (K, K) sum of the products of two squared lengths.
        pz: (K, D) sum of the samples times the squared lengths.
    """

    widths: NDArray[np.int64]
    n: Array
    pivot: Array
    z: Array
    zz: Array
    p: Array
    pp: Array
    pz: Array

    @property
    def starts(self) -> NDArray[np.int64]:
        """(K,) the first column of each set."""
        return np.concatenate([[0], np.cumsum(self.widths)[:-1]])

    def columns(self, place: int) -> slice:
        """Return the columns of a set."""
        start = int(self.starts[place])
        return slice(start, start + int(self.widths[place]))

    def scatter(self, first: int, second: int) -> Array:
        """Return (d, e), the sum of the products of two sets' features, each minus its mean."""
        rows, columns = self.columns(first), self.columns(second)
        found: Array = self.zz[rows, columns] - np.outer(self.z[rows], self.z[columns] / self.n)
        return found

    def spread(self, place: int) -> float:
        """Return the sum of the squared distances from the mean in a set."""
        mean = self.z[self.columns(place)] / self.n
        return float(self.p[place] - self.n * (mean @ mean))

    def is_constant(self, place: int) -> bool:
        """Return whether a set's features are the same for all samples, up to the precision of float32."""
        columns = self.columns(place)
        mean = self.pivot[columns] + self.z[columns] / self.n
        return bool(self.spread(place) <= _FLOAT32**2 * self.n * (mean @ mean))

    def effective_samples(self, place: int) -> float:
        """Return how many samples carry a set's variance: (sum of r)^2 / (sum of r^2), r the squared distance."""
        columns = self.columns(place)
        centred = moved(select(self, [place]), self.pivot[columns] + self.z[columns] / self.n)
        return float(centred.p[0] ** 2 / centred.pp[0, 0])

    def to_state(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the sums under names that begin with the prefix; of the symmetric matrix one half."""
        half = np.concatenate([row[place:] for place, row in enumerate(self.zz)])
        return {f"{prefix}{name}": array for name, array in {**vars(self), "zz": half}.items()}


def from_state(state: Mapping[str, NDArray[Any]], prefix: str) -> Moments:
    """Return what `Moments.to_state` wrote."""
    arrays = {name: state[f"{prefix}{name}"] for name in ("widths", "pivot", *_SUMS)}
    return Moments(**{**arrays, "zz": _whole(arrays["zz"], len(arrays["z"]))})


def _whole(half: Array, size: int) -> Array:
    """Return the symmetric matrix whose upper half stands row after row."""
    found, start = np.empty((size, size)), 0
    for row in range(size):
        found[row, row:] = half[start : start + size - row]
        start += size - row
    # In bands: a large matrix that is turned as a whole would be read across the grain.
    for first in range(0, size, _BAND):
        band, rest = slice(first, first + _BAND), slice(first + _BAND, size)
        found[rest, band] = found[band, rest].T
        upper = np.triu(found[band, band])
        found[band, band] = upper + np.triu(upper, 1).T
    return found


def measure_moments(sets: Sequence[Tensor], *, pivot: bool = True) -> Moments:
    """Return the sums of one batch, in float64.

    Args:
        sets: each (n, d) features, with its own d and n >= 1.
        pivot: whether to subtract the batch's mean; without it, digits are lost to a large mean.
    """
    widths = [each.shape[1] for each in sets]
    z = torch.cat([each.detach() for each in sets], dim=1).double()
    origin = z.mean(dim=0) * pivot
    z = z - origin
    p = torch.stack([each.square().sum(dim=1) for each in torch.split(z, widths, dim=1)], dim=1)
    sums = {"pivot": origin, "z": z.sum(dim=0), "zz": z.T @ z, "p": p.sum(dim=0), "pp": p.T @ p, "pz": p.T @ z}
    arrays = {name: each.cpu().numpy() for name, each in sums.items()}
    return Moments(widths=np.array(widths), n=np.array(float(len(z))), **arrays)


def add(first: Moments, second: Moments) -> Moments:
    """Return the sums over the samples of both, at the pivot of the first."""
    return _combine(first, second, 1)


def subtract(whole: Moments, part: Moments) -> Moments:
    """Return the sums over the samples of the whole that are not in the part, at the pivot of the whole."""
    return _combine(whole, part, -1)


def select(m: Moments, sets: Sequence[int]) -> Moments:
    """Return the sums of some of the sets."""
    if list(sets) == list(range(len(m.widths))):
        return m
    kept = np.concatenate([np.arange(m.widths[place]) + m.starts[place] for place in sets])
    places = np.asarray(sets)
    return Moments(
        widths=m.widths[places],
        n=m.n,
        pivot=m.pivot[kept],
        z=m.z[kept],
        zz=m.zz[np.ix_(kept, kept)],
        p=m.p[places],
        pp=m.pp[np.ix_(places, places)],
        pz=m.pz[np.ix_(places, kept)],
    )


def moved(m: Moments, pivot: Array) -> Moments:
    """Return the same sums about another pivot.

    Exact: z becomes z + t and p_k becomes p_k + 2 t_k'x_k + t_k't_k, so that each new sum is a polynomial in the old.
    """
    t, n = m.pivot - pivot, m.n
    # (K, D): row k holds t in the columns of set k, so that a product with it sums over each set.
    blocks = t * (np.repeat(np.arange(len(m.widths)), m.widths) == np.arange(len(m.widths))[:, None])
    tt, tz, tzz, pzt = blocks @ t, blocks @ m.z, blocks @ m.zz, m.pz @ blocks.T
    p = m.p + 2 * tz + n * tt
    # z t' + t z' + n t t' in one product: the matrix is large, and each pass over it costs.
    side = m.z + n / 2 * t
    zz = np.stack([side, t], axis=1) @ np.stack([t, side])
    zz += m.zz
    return Moments(
        widths=m.widths,
        n=n,
        pivot=pivot,
        z=m.z + n * t,
        zz=zz,
        p=p,
        pp=m.pp
        + 2 * (pzt + pzt.T)
        + 4 * tzz @ blocks.T
        + np.outer(m.p + 2 * tz + n * tt, tt)
        + np.outer(tt, m.p + 2 * tz),
        pz=m.pz + 2 * tzz + np.outer(tt, m.z) + np.outer(p, t),
    )


def block_sums(m: Moments, matrix: Array) -> Array:
    """Return (K, K), the sum of a (D, D) matrix over the block of each pair of sets."""
    found: Array = np.add.reduceat(np.add.reduceat(matrix, m.starts, axis=0), m.starts, axis=1)
    return found


def _combine(first: Moments, second: Moments, sign: int) -> Moments:
    other, join = moved(second, first.pivot), np.add if sign > 0 else np.subtract
    # Into what was just made: a further large matrix would cost more than the sum.
    sums = {name: join(getattr(first, name), own, out=own) for name in _SUMS[1:] for own in [getattr(other, name)]}
    sums["n"] = join(first.n, second.n)
    return Moments(widths=first.widths, pivot=first.pivot, **sums)
