"""The layout of CIFAR-10-C and CIFAR-100-C: one mapped `.npy` file a corruption, five severities in it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.fingerprint import pixel_fingerprint
from robustkit.engine.data.labels import as_labels
from robustkit.engine.data.npy import map_array
from robustkit.engine.data.numpy_dataset import NumpyDataset
from robustkit.engine.data.reading import holds
from robustkit.engine.data.stored.parts import LABELS, SEVERITIES
from robustkit.engine.data.stored.stored_set import StoredSet
from robustkit.errors import DataError


class StoredArrays(StoredSet[NumpyDataset]):
    """A set whose severity s of n samples is in the rows (s-1)·n to s·n of one array."""

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices.

        Raises:
            DataError: `labels.npy` is not there, or does not hold the same labels five times.
        """
        path = self.root / LABELS
        if not path.is_file():
            raise DataError(
                f"{self.root}: expected {LABELS} beside the corruptions, but the folder {holds(self.root)}",
                "copy it from where the set came from",
            )
        stored = as_labels(map_array(path), where=str(path))
        tiles = stored.reshape(SEVERITIES, -1) if len(stored) and len(stored) % SEVERITIES == 0 else None
        if tiles is None or (tiles != tiles[0]).any():
            raise DataError(
                f"{path}: expected the labels of the samples five times, one after the other, got {len(stored)} labels "
                f"that are not",
                "labels.npy of CIFAR-10-C holds 50,000: those of its 10,000 images for each of the five severities",
            )
        labels: NDArray[np.int64] = tiles[0]
        return labels

    def _open(self, name: str, severity: int, like: NumpyDataset | None) -> NumpyDataset:
        path, n = self.parts[name][severity], len(self.labels)
        images = map_array(path)
        self._check_form(path, images)
        rows = slice((severity - 1) * n, severity * n)
        part = NumpyDataset(
            images=images[rows],
            labels=self.labels,
            layout="NHW" if images.ndim == 3 else "NHWC",
            source=f"{path}[{rows.start}:{rows.stop}]",
        )
        if like is not None and part.view != like.view:
            raise DataError(
                f"{path}: expected images of shape {like.view.shape}, as in {like.source}, got {part.view.shape}",
                "all corruptions of a set have images of one size",
            )
        return part

    def digest(self, name: str, severity: int, ids: NDArray[np.int64]) -> str:
        """Return the sha256 of pixels and labels of these samples."""
        return pixel_fingerprint(self.open(name, severity), ids)

    def probe(self, name: str, severity: int) -> bytes:
        """Return the pixels of the first and the last image of a part."""
        return self.open(name, severity).read(np.array([0, len(self.labels) - 1])).tobytes()

    def _check_form(self, path: Path, images: NDArray[Any]) -> None:
        rows = SEVERITIES * len(self.labels)
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or len(images) != rows or images.size == 0:
            raise DataError(
                f"{path}: expected uint8 images of shape ({rows}, h, w, c) or ({rows}, h, w), as {LABELS} has {rows} "
                f"labels; got {images.dtype} of shape {images.shape}",
                "five severities of n samples lie one after the other, in 5n rows of uint8",
            )
