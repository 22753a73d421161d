"""Sums over groups of samples, for many resamples at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Segments:
    """Samples sorted by the group that they are in, so that a sum over a group is one over neighbours.

    Attributes:
        order: (n,) the samples, sorted by group.
        starts: (groups,) where each group begins.
        groups: (groups,) the groups that have a sample, ascending.
    """

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    groups: NDArray[Any]

    @classmethod
    def of(cls, group: NDArray[Any]) -> Segments:
        """Return the segments of (n,) groups, n >= 1."""
        order = np.argsort(group, kind="stable")
        groups, starts = np.unique(group[order], return_index=True)
        return cls(order=order, starts=starts, groups=groups)

    def sums(self, counts: NDArray[Any], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (k, ..., groups) sums of (n, k) columns over each group, a sample as often as (..., n) counts say.

        >>> halves = Segments.of(np.array([1, 0, 1]))
        >>> halves.sums(np.array([[1, 1, 1], [0, 2, 1]]), np.array([[1.0], [2.0], [3.0]])).tolist()
        [[[2.0, 4.0], [4.0, 3.0]]]
        """
        ends = [*self.starts[1:], len(self.order)]
        counts, columns = counts[..., self.order], columns[self.order]
        # A product of matrices a group: several times as fast as products with the counts that are then added up.
        found = [counts[..., start:end] @ columns[start:end] for start, end in zip(self.starts, ends, strict=True)]
        return np.moveaxis(np.stack(found, axis=-2), -1, 0)
