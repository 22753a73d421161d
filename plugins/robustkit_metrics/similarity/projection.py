"""Wide features made narrow at random, so that inner products are kept on average.

Each feature goes, with a random sign, into one place of each of four independent sketches (Charikar et al. 2002,
Finding frequent items in data streams; here with balanced places). Under any of them an inner product has the right
expectation, and the product of two inner products has it where each is taken under a sketch of its own. So what is
quadratic in kernels, as HSIC is, is estimated without bias from pairs of different sketches, and how far the results
without one sketch differ measures the error.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

import robustkit

SKETCHES = 4


def sketch(features: Tensor, width: int, seed: int) -> list[Tensor]:
    """Return four sketches of the features, or the features alone where they are narrow enough.

    Args:
        features: (n, d).
        width: what the sketches have together; each has a quarter, rounded down, of it.
        seed: the same seed gives features of the same number the same sketches.
    """
    if features.shape[1] <= width:
        return [features]
    found = []
    for order, signs in _draws(features.shape[1], seed):
        places = width // SKETCHES
        rounds = -(-len(order) // places)
        mixed = features.new_zeros(len(features), rounds * places)
        mixed[:, : len(order)] = features.index_select(1, order.to(features.device)) * signs.to(features)
        found.append(mixed.view(len(features), rounds, places).sum(dim=1))
    return found


@lru_cache(maxsize=64)
def _draws(count: int, seed: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return, for each sketch, the order in which features are dealt out, and their signs."""
    keys = robustkit.Keys(seed=seed, stream="metrics/similarity", version=1, ids=torch.arange(count))
    words = keys.child("projection").words(2 * SKETCHES)
    return tuple((words[:, 2 * k].argsort(), 1 - 2 * (words[:, 2 * k + 1] & 1)) for k in range(SKETCHES))
