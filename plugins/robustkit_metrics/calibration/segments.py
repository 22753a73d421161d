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

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return (..., groups) sums of (..., n) values.

        >>> Segments.of(np.array([1, 0, 1])).sums(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).tolist()
        [[2.0, 4.0], [5.0, 10.0]]
        """
        return np.asarray(np.add.reduceat(values[..., self.order].astype(np.float64), self.starts, axis=-1))
