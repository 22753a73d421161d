"""Images and labels in one `.npz` archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robustkit.engine.data.array_names import EXPECTED_NAMES, find_pair
from robustkit.engine.data.labels import as_labels
from robustkit.engine.data.numpy_dataset import NumpyDataset
from robustkit.engine.data.reading import reading
from robustkit.errors import DataError


def open_npz(path: Path, split: str) -> NumpyDataset:
    """Return the images and labels of an archive.

    The arrays are read into memory, because archives are usually compressed; a data set larger than memory belongs
    into `.npy` files, which are mapped. Objects are refused: nothing is unpickled.

    Args:
        path: the archive.
        split: which pair of arrays, where the archive names its splits (`x_test`, `y_test`).

    Raises:
        DataError: if the archive is damaged, holds no such pair, or the arrays are not images and labels.
    """
    with reading(path, "a .npz archive"), path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(f"{path}: expected a .npz archive, got a single array", "name the file .npy")
        pair = find_pair(archive.files, split)
        if pair is None:
            found = ", ".join(archive.files) or "nothing"
            raise DataError(
                f"{path}: expected arrays named {EXPECTED_NAMES}, for split '{split}'; got {found}",
                "rename the arrays, or choose the split with --split",
            )
        images, labels = archive[pair[0]], archive[pair[1]]
    where = f"{path}[{pair[1]}]"
    return NumpyDataset(images=images, labels=as_labels(labels, where=where), source=f"{path}[{pair[0]}]")


def open_npz_folder(folder: Path, split: str) -> NumpyDataset | None:
    """Return the data of `SPLIT.npz` in a folder, or None if there is no such file."""
    path = folder / f"{split}.npz"
    return open_npz(path, split) if path.is_file() else None
