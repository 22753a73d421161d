"""The bootstrap over samples, paired: all conditions and models see the same resampled samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.intervals import LEVEL, bootstrap_draws

RESAMPLES = 1000
SEED = 0


def bootstrap_means(vectors: Sequence[NDArray[np.float64]]) -> list[tuple[float, float]]:
    """Return the percentile bootstrap interval of each vector's mean, all from the same resampled samples.

    Equal to `bootstrap_interval` on each vector alone, drawn once.

    Args:
        vectors: each (n,), in the same order of samples.
    """
    if not vectors:
        return []
    stacked = np.stack(vectors, axis=1)
    means = bootstrap_draws(
        lambda counts: counts @ stacked / len(stacked), len(stacked), resamples=RESAMPLES, seed=SEED
    )
    ends = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]
