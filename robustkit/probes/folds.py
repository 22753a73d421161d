"""Which samples are held out together: by a hash of their ids, never by their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.seeds import Keys

Ints = NDArray[np.int64]

Labels = NDArray[Any]
"""(n,) classes: whole numbers or names."""


def assign_folds(ids: Ints, labels: Labels, folds: int, seed: int = 0) -> Ints:
    """Return (n,) the fold of each sample, 0 … folds - 1.

    Class by class, samples are dealt out to the folds in the order of a hash of their ids: folds differ by at most one
    sample in size, and by at most one sample of each class. The same samples have the same folds in any order.

    Args:
        ids: (n,) distinct.
        labels: (n,) classes.
        folds: how many.
        seed: of the hash.

    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> [np.bincount(labels[assign_folds(np.arange(6), labels, 2) == fold]).tolist() for fold in (0, 1)]
    [[2, 1], [2, 1]]
    """
    dealt = np.lexsort((_lots(ids, seed, "folds"), labels))
    found = np.empty(len(ids), dtype=np.int64)
    found[dealt] = np.arange(len(ids)) % folds
    return found


def shuffle_labels(labels: Labels, ids: Ints, seed: int = 0) -> Labels:
    """Return (n,) the same labels dealt out at random: the control task, in which features say nothing about labels.

    Args:
        labels: (n,) classes.
        ids: (n,) distinct; the same samples get the same labels in any order.
        seed: of the hash.

    >>> shuffled = shuffle_labels(np.arange(100), np.arange(100))
    >>> bool((np.sort(shuffled) == np.arange(100)).all()), bool((shuffled == np.arange(100)).mean() < 0.1)
    (True, True)
    """
    found = np.empty_like(labels)
    found[np.argsort(_lots(ids, seed, "control"), kind="stable")] = labels[np.argsort(ids)]
    return found


def _lots(ids: Ints, seed: int, purpose: str) -> Ints:
    import torch

    keys = Keys(seed=seed, stream=f"probes/{purpose}", version=1, ids=torch.from_numpy(ids.astype(np.int64)))
    return keys.words(1)[:, 0].numpy()
