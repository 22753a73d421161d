"""The bootstrap over samples for many statistics at once, all from the same resampled samples."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.intervals import LEVEL, bootstrap_interval
from robustkit.analysis.statistics.resample import RESAMPLES, SEED

Key = TypeVar("Key", bound=Hashable)
Array = NDArray[np.float64]


def bootstrap_each(statistics: Callable[[Array], Mapping[Key, Array]], n: int) -> dict[Key, tuple[float, float]]:
    """Return the percentile bootstrap interval of each statistic; one that is NaN in any resample has none.

    Args:
        statistics: maps (R, n) shares of samples, each row with sum 1, to (R,) values by name.
        n: number of samples, at least 1.

    >>> values = np.array([1.0, 2.0, 4.0, 8.0])
    >>> bootstrap_each(lambda shares: {"mean": shares @ values, "undefined": shares[:, 0] * np.nan}, 4)
    {'mean': (1.5, 6.5)}
    """
    draws: list[Mapping[Key, Array]] = []

    def statistic(counts: Array) -> Array:
        draws.append(statistics(counts / n))
        return counts[:, 0]

    bootstrap_interval(statistic, n, resamples=RESAMPLES, seed=SEED)
    joined = {key: np.concatenate([draw[key] for draw in draws]) for key in draws[0]}
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return {
        key: (float(low), float(high))
        for key, values in joined.items()
        if not np.isnan(values).any()
        for low, high in [np.quantile(values, ends)]
    }
