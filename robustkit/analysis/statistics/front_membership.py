"""How sure it is that a model is on the Pareto front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.checked import number
from robustkit.analysis.statistics.hypervolume import goal_draws

Array = NDArray[np.float64]


def front_membership(
    first: Array, second: Array, *, resamples: int = 1000, seed: int = 0, margin: float = 0.0
) -> list[float]:
    """Return for each model the share of resamples in which no other dominates it.

    Samples are resampled jointly for all models and both goals: models that err on the same samples keep their
    distance. It is no p-value, and it says nothing about other training seeds. Equal points share their place.

    Args:
        first: (models, n) the first goal by sample, the larger the better; a model's is the mean.
        second: (models, n) the second goal, of the same samples.
        resamples: how many.
        seed: of the generator.
        margin: by how much another must be better in one goal to dominate (and no worse in the other); 0 or more.

    Raises:
        DataError: the shapes differ, there is no model or sample, a number is not finite, or the margin is below 0.

    >>> clean, attacked = np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    >>> front_membership(clean, attacked)[0]
    1.0
    """
    margin = number("margin", margin, 0)
    draws = goal_draws(first, second, resamples=resamples, seed=seed)
    found = []
    for place in range(draws.shape[1]):
        mine = draws[:, place, None]
        better = np.all(draws >= mine, axis=2) & np.any(draws > mine + margin, axis=2)
        found.append(1 - float(np.any(better, axis=1).mean()))
    return found
