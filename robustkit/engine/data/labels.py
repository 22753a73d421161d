"""Class indices, checked before anything is computed with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.errors import DataError

_SAVE = "save the labels as integers 0, 1, 2 … of shape (n,)"


def as_labels(labels: NDArray[Any], *, where: str) -> NDArray[np.int64]:
    """Return labels as class indices of shape (n,).

    Args:
        labels: integers, or floats that hold integers, of shape (n,) or (n, 1).
        where: the file, for messages.

    Raises:
        DataError: if they are one-hot, negative, not whole numbers, not numbers, or of another shape.

    >>> as_labels(np.array([[3.0], [0.0]]), where="labels.npy")
    array([3, 0])
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        one_hot = labels.ndim == 2
        raise DataError(
            f"{where}: expected labels of shape (n,), got {labels.shape}",
            "if they are one-hot, save labels.argmax(axis=1)" if one_hot else _SAVE,
        )
    if labels.dtype.kind not in "iuf":
        raise DataError(f"{where}: expected integer labels, got {labels.dtype}", _SAVE)
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.floor(labels))
        _refuse(labels, ~whole, where, "whole numbers")
    indices = np.array(labels, dtype=np.int64)
    _refuse(labels, indices < 0, where, "labels of 0 or more")
    return indices


def check_labels(labels: NDArray[np.int64], *, images: int, classes: int, where: str) -> None:
    """Raise unless there is one label an image and, where the classes are known, each label is one of them.

    Args:
        labels: (n,) class indices.
        images: how many images there are.
        classes: how many classes there are; 0 if unknown.
        where: the data, for messages.

    Raises:
        DataError: otherwise.
    """
    if len(labels) != images:
        raise DataError(
            f"{where}: expected one label for each of the {images} images, got {len(labels)} labels",
            "images and labels may be of different splits, or one file is incomplete",
        )
    if classes:
        _refuse(labels, labels >= classes, where, f"labels below {classes}, the number of class names")


def _refuse(labels: NDArray[Any], wrong: NDArray[np.bool_], where: str, expected: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            f"{where}: expected {expected}, got {labels[first]} for sample {first} ({int(wrong.sum())} in all)", _SAVE
        )
