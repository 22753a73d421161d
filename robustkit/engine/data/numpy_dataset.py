"""Images and labels that are already arrays, in memory or mapped from a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.components import View
from robustkit.engine.data.array_layout import Layout, handed_out_dtype, layout_of, to_nchw
from robustkit.engine.data.chunks import as_index, chunks
from robustkit.engine.data.fingerprint import pixel_fingerprint
from robustkit.engine.data.labels import as_labels, check_labels
from robustkit.errors import DataError


class NumpyDataset:
    """Labelled images from two arrays; satisfies `robustkit.ImageDataset`.

    The arrays are kept as they are, so a memory map is never read whole: what is asked for is copied, turned to
    (C, H, W) and cast on reading. uint8 stays uint8, other integers become uint8, floats become float32.

    Args:
        images: (n, h, w), (n, h, w, c) or (n, c, h, w) of integers in 0..255 or of floats in [0, 1] (whether floats
            are in range is the matter of `check_pixels`, which looks only at the samples that are used).
        labels: (n,) or (n, 1) class indices.
        class_names: one name a class, or empty.
        layout: how the axes of `images` are meant; told from the shape if None.
        source: where the images come from, for messages.

    Attributes:
        labels: (n,) int64.
        view: the images as they are, without resize or crop.
        class_names: as given.
        source: as given.

    Raises:
        DataError: if the arrays are not images and labels that belong together.

    Example:
        >>> data = NumpyDataset(images=np.zeros((2, 28, 28), np.uint8), labels=np.array([7, 1]))
        >>> data.view.shape, data.read(np.array([1])).shape
        ((1, 28, 28), (1, 1, 28, 28))
    """

    def __init__(
        self,
        *,
        images: NDArray[Any],
        labels: NDArray[Any],
        class_names: Sequence[str] = (),
        layout: Layout | None = None,
        source: str = "images",
    ) -> None:
        images = np.asarray(images)
        self.source = source
        self.class_names = tuple(class_names)
        self._dtype = handed_out_dtype(images.dtype, where=source)
        layout = layout or layout_of(images.shape, where=source)
        if images.ndim != len(layout):
            raise DataError(
                f"{source}: expected images laid out as {layout}, got the shape {images.shape}", "reshape them"
            )
        self._images = to_nchw(images, layout)
        if self._images.size == 0:
            raise DataError(f"{source}: expected at least one image, got the shape {images.shape}", "it holds no data")
        self.labels = as_labels(np.asarray(labels), where=f"labels of {source}").view()
        # The fingerprint is computed once: what it covers must not change under it.
        self.labels.setflags(write=False)
        check_labels(self.labels, images=len(images), classes=len(self.class_names), where=source)
        channels, height, width = self._images.shape[1:]
        self.view = View(channels=channels, height=height, width=width)
        if images.dtype.kind in "iu" and images.dtype != np.uint8:
            self._check_integers()

    def read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(ids), C, H, W) uint8 or float32, a copy of its own.

        Raises:
            DataError: if an id lies outside the data.
        """
        outside = (ids < 0) | (ids >= len(self.labels))
        if outside.any():
            last = len(self.labels) - 1
            raise DataError(
                f"{self.source}: expected sample ids from 0 to {last}, got {ids[outside][0]}", "check the ids"
            )
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, which check_pixels reports
            return np.array(self._images[as_index(ids)], dtype=self._dtype, order="C")

    def fingerprint(self) -> str:
        """Return the sha256 of view, images and labels: the same for the same data in another array layout."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return pixel_fingerprint(self)

    def _check_integers(self) -> None:
        for ids in chunks(np.arange(len(self.labels)), self.view.shape):
            part = self._images[as_index(ids)]
            wrong = ((part < 0) | (part > 255)).any(axis=(1, 2, 3))
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    f"{self.source}: expected {part.dtype} pixels in 0..255, "
                    f"got {part[row].min()}..{part[row].max()} in sample {ids[row]}",
                    "rescale the images to 0..255 and save them as uint8",
                )
