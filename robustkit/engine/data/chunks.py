"""Sample ids in runs small enough to hold their images in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_CHUNK_VALUES = 16 * 2**20


def chunks(ids: NDArray[np.int64], shape: tuple[int, ...]) -> Iterator[NDArray[np.int64]]:
    """Yield consecutive parts of `ids`, each of at most 16 Mi pixel values (but one sample at least).

    Args:
        ids: (n,) sample ids.
        shape: of one image.

    >>> [len(part) for part in chunks(np.arange(5), (3, 2048, 1024))]
    [2, 2, 1]
    """
    rows = max(1, _CHUNK_VALUES // max(1, math.prod(shape)))
    for start in range(0, len(ids), rows):
        yield ids[start : start + rows]


def as_index(ids: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Return a slice where the ids are consecutive, so that a mapped file is read in one run; else the ids.

    >>> as_index(np.array([3, 4, 5]))
    slice(3, 6, None)
    """
    if len(ids) and ids[-1] - ids[0] == len(ids) - 1 and bool(np.all(np.diff(ids) == 1)):
        return slice(int(ids[0]), int(ids[-1]) + 1)
    return ids
