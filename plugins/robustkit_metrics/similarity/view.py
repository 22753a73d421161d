"""Moments seen as layers: what the measures that rest on covariances are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from robustkit_metrics.similarity.moments import Array, Moments
from robustkit_metrics.similarity.projection import SKETCHES

Pair = tuple[int, int]

VARIANCE_ROUNDING = 1e-12
"""Share of the largest variance that single precision may make of a direction without any."""


@dataclass(frozen=True)
class View:
    """Moments of some layers.

    Attributes:
        moments: of all sets together.
        parts: for each layer, the places of its sets: one, or its sketches.
    """

    moments: Moments
    parts: Sequence[Sequence[int]]

    @property
    def n(self) -> float:
        """The number of samples."""
        return float(self.moments.n)

    def scatter(self, first: int, second: int) -> Array:
        """Return the centred products of two layers' features, neither of which is a sketch."""
        return self.moments.scatter(self.parts[first][0], self.parts[second][0])

    def spread(self, layer: int) -> float:
        """Return the sum of the squared distances from the mean, on average over sketches."""
        return float(np.mean([self.moments.spread(place) for place in self.parts[layer]]))

    def width(self, layer: int) -> int:
        """Return the number of a layer's features, neither of which is a sketch."""
        return int(self.moments.widths[self.parts[layer][0]])

    def is_constant(self, layer: int) -> bool:
        """Return whether a layer's features do not vary."""
        return any(self.moments.is_constant(place) for place in self.parts[layer])

    def effective_samples(self, layer: int) -> float:
        """Return how many samples carry a layer's variance."""
        return float(np.mean([self.moments.effective_samples(place) for place in self.parts[layer]]))

    def eigen(self, layer: int) -> tuple[Array, Array]:
        """Return (r,) variances times n, the largest first, and (d, r) directions; those without variance left out."""
        if layer not in self._eigen:
            self._eigen[layer] = _eigen(self.scatter(layer, layer))
        return self._eigen[layer]

    @cached_property
    def _eigen(self) -> dict[int, tuple[Array, Array]]:
        return {}

    def between(self, matrix: Array) -> Array:
        """Return (L, L), a (K, K) matrix of what is quadratic in kernels, for layers; see `projection`."""
        if all(len(parts) == 1 for parts in self.parts):
            order = [parts[0] for parts in self.parts]
            found: Array = matrix[np.ix_(order, order)]
            return found
        return np.array([[self._mean(matrix, first, second) for second in self.parts] for first in self.parts])

    def without_sketch(self, left_out: int) -> View:
        """Return the same without one of the sketches of each layer that has sketches."""
        kept = [[each for k, each in enumerate(parts) if len(parts) == 1 or k != left_out] for parts in self.parts]
        return replace(self, parts=kept)

    @staticmethod
    def _mean(matrix: Array, first: Sequence[int], second: Sequence[int]) -> float:
        block: NDArray[np.float64] = matrix[np.ix_(first, second)]
        if min(block.shape) == 1:
            return float(block.mean())
        # Sketches of the same place may be the same projection; all others are independent of one another.
        return float((block.sum() - np.trace(block)) / (block.size - len(block)))


def sketch_error(values: Sequence[Array]) -> Array:
    """Return the standard error from the values without one sketch at a time: a jackknife."""
    every = np.array(values)
    error: Array = np.sqrt((SKETCHES - 1) / SKETCHES * np.square(every - every.mean(axis=0)).sum(axis=0))
    return error


def _eigen(scatter: Array) -> tuple[Array, Array]:
    found, directions = np.linalg.eigh(scatter)
    order = np.argsort(found)[::-1]
    kept = order[found[order] > VARIANCE_ROUNDING * max(found[order[0]], 0.0)]
    return found[kept], directions[:, kept]
