"""A dataset seen through a resize and a crop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robustkit.components import View
from robustkit.engine.data.fingerprint import pixel_fingerprint
from robustkit.engine.data.pixels import source_of
from robustkit.engine.data.view import ViewRequest, cropped, resized, resulting_view
from robustkit.errors import DataError
from robustkit.protocols import ImageDataset


def apply_view(dataset: ImageDataset, request: ViewRequest | None) -> ImageDataset:
    """Return the dataset seen through a view; the dataset itself for None."""
    return dataset if request is None else ViewedDataset(dataset, request)


class ViewedDataset:
    """Another dataset whose images are resized by Pillow, channel by channel, and cropped as they are read.

    Args:
        dataset: the images as stored, all of one size.
        request: what to make of them; a resize is for uint8 images only, because Pillow works in 8 bits.

    Raises:
        DataError: if the images are floats and a resize is asked for, or are smaller than the crop.
    """

    def __init__(self, dataset: ImageDataset, request: ViewRequest) -> None:
        self._dataset = dataset
        self._request = request
        self.source = source_of(dataset)
        self.view: View = resulting_view(request, *dataset.view.shape)
        first = dataset.read(np.arange(1))
        if request.resize is not None and first.dtype != np.uint8:
            raise DataError(
                f"{self.source}: expected uint8 images for --view resize={request.resize}, got {first.dtype}",
                "save the images as uint8 (0..255), or resize them before and give no resize",
            )
        self._render(first)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        return self._dataset.labels

    @property
    def class_names(self) -> Sequence[str]:
        """One name a class, or empty if unknown."""
        return self._dataset.class_names

    def read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(ids), C, H, W) uint8, or float32 in [0, 1], resized and cropped."""
        return self._render(self._dataset.read(ids))

    def fingerprint(self) -> str:
        """Return the sha256 of view, images and labels as they are handed out."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return pixel_fingerprint(self)

    def _render(self, images: NDArray[Any]) -> NDArray[Any]:
        if self._request.resize is not None:
            images = self._resized(images)
        return np.ascontiguousarray(cropped(images, self._request, where=self.source))

    def _resized(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # By channel, because Pillow would weight the colours of four channels by the fourth, as if it were opacity.
        planes = [resized(Image.fromarray(plane), self._request) for image in images for plane in image]
        height, width = (planes[0].height, planes[0].width) if planes else self.view.shape[1:]
        stacked = np.array([np.asarray(plane) for plane in planes], dtype=np.uint8)
        return stacked.reshape(len(images), self.view.channels, height, width)
