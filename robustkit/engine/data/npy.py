"""Images and labels in two `.npy` files, mapped and not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.array_names import find_pair
from robustkit.engine.data.labels import as_labels
from robustkit.engine.data.numpy_dataset import NumpyDataset
from robustkit.engine.data.reading import holds, reading, visible
from robustkit.errors import DataError


def open_npy(path: Path) -> NumpyDataset:
    """Return the images of one `.npy` file with the labels of `labels.npy` beside it.

    Raises:
        DataError: if the labels are not there, or a file is damaged or holds something else.
    """
    labels = path.with_name("labels.npy")
    if not labels.is_file():
        raise DataError(
            f"{path}: expected labels.npy beside it, but {path.parent} {holds(path.parent)}",
            "save the labels there as integers of shape (n,)",
        )
    if path.name == labels.name:
        raise DataError(f"{path}: expected images, got the labels", "give the file of the images, or the folder")
    return _pair(path, labels)


def open_npy_folder(folder: Path, split: str) -> NumpyDataset | None:
    """Return the data of `images.npy` and `labels.npy` (or another known pair) in a folder, or None."""
    pair = find_pair((entry.stem for entry in visible(folder) if entry.suffix == ".npy"), split)
    return None if pair is None else _pair(folder / f"{pair[0]}.npy", folder / f"{pair[1]}.npy")


def _pair(images: Path, labels: Path) -> NumpyDataset:
    return NumpyDataset(
        images=map_array(images), labels=as_labels(map_array(labels), where=str(labels)), source=str(images)
    )


def map_array(path: Path) -> NDArray[Any]:
    """Return the array of a `.npy` file, mapped and not read.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    with reading(path, "a .npy array"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError(f"{path}: expected a .npy array, got a .npz archive", "name the file .npz")
    return array
