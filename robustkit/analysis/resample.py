"""The bootstrap over samples, paired: all conditions and models see the same resampled samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.intervals import LEVEL, bootstrap_interval
from robustkit.analysis.members import Member
from robustkit.analysis.scopes import Seeds

RESAMPLES = 1000
SEED = 0


def correct_shares(members: Sequence[Member], conditions: Sequence[str], seeds: Seeds) -> NDArray[np.float64] | None:
    """Return (n,) shares of all (model, condition, seed) in which a sample was right, or None without records."""
    vectors = [member.correct(condition, seeds[condition]) for member in members for condition in conditions]
    known = [vector for vector in vectors if vector is not None]
    return np.mean(known, axis=0) if known and len(known) == len(vectors) else None


def bootstrap_means(vectors: Sequence[NDArray[np.float64]]) -> list[tuple[float, float]]:
    """Return the percentile bootstrap interval of each vector's mean, all from the same resampled samples.

    Equal to `bootstrap_interval` on each vector alone, drawn once.

    Args:
        vectors: each (n,), in the same order of samples.
    """
    if not vectors:
        return []
    stacked = np.stack(vectors, axis=1)
    means: list[NDArray[np.float64]] = []

    def statistic(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        means.append(counts @ stacked / len(stacked))
        return means[-1][:, 0]

    bootstrap_interval(statistic, len(stacked), resamples=RESAMPLES, seed=SEED)
    ends = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]
