"""A bounded choice of samples that is the same whatever the batches and their order are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

import robustkit


def lots(keys: robustkit.Keys, seed: int) -> NDArray[np.int64]:
    """Return (N,) a random number for each sample, by its id alone: the same for all models, conditions and run seeds.

    The samples with the smallest are the chosen ones: a simple random sample, however sorted the data set is.
    """
    own = robustkit.Keys(seed=seed, stream="metrics/similarity", version=1, ids=keys.ids)
    return own.child("samples").words(1)[:, 0].cpu().numpy()


def smallest(lot: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the places of the smallest, in their order: equal choices have equal orders.

    >>> smallest(np.array([5, 1, 9, 2]), 3)
    array([1, 3, 0])
    """
    return np.argsort(lot, kind="stable")[:count]


def rows_at(values: torch.Tensor, places: NDArray[np.int64]) -> NDArray[np.floating]:
    """Return some rows of (N, d) values, in their own precision."""
    found: NDArray[np.floating] = values.detach()[torch.from_numpy(places).to(values.device)].cpu().numpy()
    return found
