"""IDX, the format of MNIST and its successors (LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.labels import as_labels
from robustkit.engine.data.numpy_dataset import NumpyDataset
from robustkit.engine.data.reading import holds, reading, visible
from robustkit.errors import DataError

_IMAGES = re.compile(r"(?P<set>.*?)[-_.]?images[-_.]idx3[-_.]ubyte(\.gz)?", re.IGNORECASE)
_SETS = {"test": ("t10k", "test"), "train": ("train",)}
_UNSIGNED_BYTE = 0x08


def is_idx_images(path: Path) -> bool:
    """Return whether a file is named as IDX images are.

    >>> is_idx_images(Path("t10k-images.idx3-ubyte")), is_idx_images(Path("t10k-labels-idx1-ubyte.gz"))
    (True, False)
    """
    return _IMAGES.fullmatch(path.name) is not None


def has_split(paths: Iterable[Path], split: str) -> bool:
    """Return whether there are IDX images of a split among the files.

    >>> has_split([Path("t10k-images-idx3-ubyte")], "test"), has_split([Path("t10k-images-idx3-ubyte")], "train")
    (True, False)
    """
    return any(_set_of(path) in _SETS.get(split, (split,)) for path in paths)


def open_idx_folder(folder: Path, split: str) -> NumpyDataset | None:
    """Return the images and labels of a split (`t10k-…` for test), or None if the folder has no IDX files for it.

    Raises:
        DataError: if several files fit, or as `open_idx`.
    """
    found = {entry for entry in visible(folder) if has_split([entry], split)}
    # A packed file beside its unpacked copy holds the same; the unpacked one can be mapped.
    found -= {entry for entry in found if entry.suffix == ".gz" and entry.with_suffix("") in found}
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted(entry.name for entry in found))
        raise DataError(f"{folder}: expected one IDX file of images for split '{split}', got {names}", "give one file")
    return open_idx(found.pop())


def open_idx(images: Path) -> NumpyDataset:
    """Return the images of one IDX file with the labels of the file beside it.

    Plain files are mapped; gzipped ones are read into memory.

    Raises:
        DataError: if the labels are not there, or a file's magic number, dimensions or length are wrong.
    """
    labels = _labels_beside(images)
    pixels, classes = _read(images, ndim=3), _read(labels, ndim=1)
    return NumpyDataset(images=pixels, labels=as_labels(classes, where=str(labels)), source=str(images))


def _set_of(path: Path) -> str:
    match = _IMAGES.fullmatch(path.name)
    return match["set"].lower() if match else ""


def _labels_beside(images: Path) -> Path:
    stem = re.sub("idx3", "idx1", re.sub("images", "labels", images.name, flags=re.I), flags=re.I)
    plain = stem.removesuffix(".gz")
    for name in (stem, plain, plain + ".gz"):
        if images.with_name(name).is_file():
            return images.with_name(name)
    raise DataError(
        f"{images}: expected its labels in {stem} beside it, but {images.parent} {holds(images.parent)}",
        "IDX images and labels come in two files: put both into one folder",
    )


def _read(path: Path, *, ndim: int) -> NDArray[Any]:
    with reading(path, f"IDX data of {ndim} dimension{'s'[: ndim > 1]}"):
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if packed:
            content = gzip.decompress(path.read_bytes())
            shape = _shape(content[: 4 + 4 * ndim], len(content), path, ndim)
            return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * ndim).reshape(shape)
        with path.open("rb") as file:
            shape = _shape(file.read(4 + 4 * ndim), path.stat().st_size, path, ndim)
        return np.memmap(path, dtype=np.uint8, mode="r", offset=4 + 4 * ndim, shape=shape)


def _shape(header: bytes, total: int, path: Path, ndim: int) -> tuple[int, ...]:
    """Return the dimensions that the header states, after comparing it with the file's length in bytes."""
    magic = bytes((0, 0, _UNSIGNED_BYTE, ndim))
    if header[:4] != magic:
        raise DataError(
            f"{path}: expected the magic number 0x{magic.hex()} (unsigned bytes, {ndim}-dimensional), "
            f"got 0x{header[:4].hex()}",
            "the file is not IDX, holds another type, or images and labels are swapped",
        )
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
    expected = 4 + 4 * ndim + math.prod(shape)
    if total != expected or len(shape) != ndim:
        raise DataError(
            f"{path}: expected {expected} bytes for the shape {shape} in its header, got {total}",
            "the file is truncated or damaged: copy or download it again",
        )
    if 0 in shape:
        raise DataError(f"{path}: expected at least one sample, got the shape {shape}", "the file holds no data")
    return shape
