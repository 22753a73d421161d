"""Some of the samples of another dataset, numbered anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.components import View
from robustkit.engine.data.pixels import source_of
from robustkit.protocols import ImageDataset


class ChosenSamples:
    """The samples of these ids in this order; satisfies `robustkit.ImageDataset`.

    Args:
        dataset: where they are.
        ids: (n,) ids in it.
    """

    def __init__(self, dataset: ImageDataset, ids: NDArray[np.int64]) -> None:
        self._dataset = dataset
        self._ids = ids
        self.labels: NDArray[np.int64] = dataset.labels[ids].astype(np.int64)
        self.source = source_of(dataset)

    @property
    def view(self) -> View:
        """What `read` hands out."""
        return self._dataset.view

    @property
    def class_names(self) -> Sequence[str]:
        """One name a class, or empty if unknown."""
        return self._dataset.class_names

    def read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(ids), C, H, W) uint8, or float32 in [0, 1]."""
        images: NDArray[Any] = self._dataset.read(self._ids[ids])
        return images

    def fingerprint(self) -> str:
        """Return the sha256 of the dataset's fingerprint and of the chosen ids."""
        return hashlib.sha256(self._dataset.fingerprint().encode() + self._ids.astype("<i8").tobytes()).hexdigest()
