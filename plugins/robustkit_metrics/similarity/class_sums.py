"""Sums by class from which class means and the scatter within and between classes follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit_metrics.similarity.moments import Array

_NAMES = ("pivot", "counts", "sums", "squares", "outer")


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassSums:
    """Sums over the samples of each of C classes, with d features.

    Attributes:
        pivot: (d,) what is subtracted from each sample first.
        counts: (C,) samples.
        sums: (C, d) of the samples.
        squares: (C,) of their squared lengths.
        outer: (d, d) of their outer products, over all classes.
    """

    pivot: Array
    counts: Array
    sums: Array
    squares: Array
    outer: Array

    @property
    def present(self) -> NDArray[np.int64]:
        """The classes that have samples."""
        return np.flatnonzero(self.counts)

    @property
    def means(self) -> Array:
        """(present, d) the means of the classes that have samples, about the pivot."""
        found: Array = self.sums[self.present] / self.counts[self.present, None]
        return found

    @property
    def within(self) -> Array:
        """(d, d) the covariance within classes, over all samples."""
        between = (self.means.T * self.counts[self.present]) @ self.means
        found: Array = (self.outer - between) / self.counts.sum()
        return found

    @property
    def variances(self) -> Array:
        """(present,) the mean squared distance of a class's samples from its mean."""
        found: Array = self.squares[self.present] / self.counts[self.present] - np.square(self.means).sum(axis=1)
        # A difference of equal numbers may be a rounding below 0.
        return np.maximum(found, 0.0)

    def to_state(self) -> dict[str, NDArray[Any]]:
        """Return the sums by name."""
        return dict(vars(self))


def from_state(state: Mapping[str, NDArray[Any]]) -> ClassSums:
    """Return what `ClassSums.to_state` wrote."""
    return ClassSums(**{name: state[name] for name in _NAMES})


def measure_classes(features: Tensor, labels: Tensor, classes: int) -> ClassSums:
    """Return the sums of one batch.

    Args:
        features: (n, d), n >= 1.
        labels: (n,) below `classes`.
        classes: how many there are.
    """
    x = features.detach().double()
    pivot = x.mean(dim=0)
    x = x - pivot
    member = torch.nn.functional.one_hot(labels, classes).to(x)
    sums = (pivot, member.sum(dim=0), member.T @ x, member.T @ x.square().sum(dim=1), x.T @ x)
    return ClassSums(**{name: each.cpu().numpy() for name, each in zip(_NAMES, sums, strict=True)})


def add_classes(parts: Sequence[ClassSums], sign: int = 1) -> ClassSums:
    """Return the sums of the first and the others together, or with sign -1 of the first without the others."""
    total = parts[0]
    for part in parts[1:]:
        other = _moved(part, total.pivot)
        added = {name: getattr(total, name) + sign * getattr(other, name) for name in _NAMES[1:]}
        total = ClassSums(pivot=total.pivot, **added)
    return total


def _moved(part: ClassSums, pivot: Array) -> ClassSums:
    t, z = part.pivot - pivot, part.sums.sum(axis=0)
    return ClassSums(
        pivot=pivot,
        counts=part.counts,
        sums=part.sums + np.outer(part.counts, t),
        squares=part.squares + 2 * part.sums @ t + part.counts * (t @ t),
        outer=part.outer + np.outer(z, t) + np.outer(t, z) + part.counts.sum() * np.outer(t, t),
    )
