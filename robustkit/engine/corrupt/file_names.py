"""How the files of the folder layout are called: as those that they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data import ImageFolder
from robustkit.errors import ConfigError
from robustkit.protocols import ImageDataset

_MOST = 100_000
"""Classes of the folder layout: robustkit's choice, five times those of ImageNet-21k."""

_JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class FileNames:
    """Where the images of one part go.

    Attributes:
        paths: `class/file`, ascending: the order in which the set is read.
        ids: (n,) the sample id of each.
        classes: the folders of all classes, those without samples too, for they count as classes.
    """

    paths: tuple[str, ...]
    ids: NDArray[np.int64]
    classes: tuple[str, ...]


def file_names(dataset: ImageDataset, ids: NDArray[np.int64], *, jpeg: bool) -> FileNames:
    """Return the names of the files for these samples.

    Those of a folder of images keep class and name, with `.png` or `.JPEG` as the suffix. Samples of other data are
    called by their ids and classes by their numbers, with leading zeros, so that they sort as numbers do.

    Raises:
        ConfigError: there would be too many classes.
    """
    if isinstance(dataset, ImageFolder):
        classes = dataset.class_names
        found = [PurePosixPath(dataset.paths[i]) for i in ids]
        paths = [_renamed(path, jpeg, whole=False) for path in found]
        if len(set(paths)) < len(paths):
            # `a.png` and `a.jpg` of one class are two images.
            paths = [_renamed(path, jpeg, whole=True) for path in found]
    else:
        count = len(dataset.class_names) or int(dataset.labels.max()) + 1
        if count > _MOST:
            raise ConfigError(
                f"--layout folder has one folder a class, and labels up to {count - 1} mean {count} classes",
                "number the classes from 0 without gaps, or choose --layout npy",
            )
        classes = tuple(str(label).zfill(len(str(count - 1))) for label in range(count))
        width = len(str(len(dataset.labels) - 1))
        suffix = ".JPEG" if jpeg else ".png"
        paths = [f"{classes[dataset.labels[i]]}/{str(i).zfill(width)}{suffix}" for i in ids]
    order = sorted(range(len(paths)), key=paths.__getitem__)
    return FileNames(paths=tuple(paths[place] for place in order), ids=ids[order], classes=classes)


def _renamed(path: PurePosixPath, jpeg: bool, *, whole: bool) -> str:
    if jpeg and path.suffix.lower() in _JPEG:
        return f"{path.parts[0]}/{path.name}"
    return f"{path.parts[0]}/{path.name if whole else path.stem}{'.JPEG' if jpeg else '.png'}"
