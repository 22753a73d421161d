"""The bundled part of Fashion-MNIST (Xiao et al., 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_zoo.assets import ASSETS
from robustkit_zoo.params import FashionMnistMiniParams

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""In the order of the labels, spelt as in the dataset's README."""


class FashionMnistMini:
    """Grey 28x28 images, uint8: 1,000 a class for training or 200 a class for testing, in the order of the original."""

    def __init__(self, params: FashionMnistMiniParams) -> None:
        self._images = robustkit.open_layout(ASSETS / "fashion-mnist-mini", split=params.split)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices, 0..9."""
        return self._images.labels

    @property
    def view(self) -> robustkit.View:
        """One channel, 28x28."""
        return self._images.view

    @property
    def class_names(self) -> tuple[str, ...]:
        """The ten kinds of clothing."""
        return CLASS_NAMES

    def read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(ids), 1, 28, 28) uint8."""
        return self._images.read(ids)

    def fingerprint(self) -> str:
        """Return a sha256 of images, labels and view."""
        return self._images.fingerprint()
