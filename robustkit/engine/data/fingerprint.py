"""The identity of a data set: it changes whenever an image, a label or the view changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.components import View
from robustkit.engine.data.chunks import chunks
from robustkit.engine.data.reading import reading
from robustkit.protocols import ImageDataset


def pixel_fingerprint(dataset: ImageDataset, samples: NDArray[np.int64] | None = None) -> str:
    """Return the sha256 of a header (view, n, dtype, shape), the pixels and the labels, as they are handed out.

    How the data is stored does not matter: the same images as `.npz`, `.npy` and IDX have the same fingerprint. The
    data is streamed. What goes in, and in which order, is robustkit's choice.

    Args:
        dataset: any image dataset; every image is read once.
        samples: ids of those that are meant; all if None.
    """
    samples = np.arange(len(dataset.labels)) if samples is None else samples
    labels, shape = dataset.labels[samples], dataset.view.shape
    dtype = dataset.read(np.arange(1)).dtype
    digest = hashlib.sha256(_header("pixels", dataset.view, n=len(labels), dtype=dtype.name, shape=shape))
    for ids in chunks(samples, shape):
        digest.update(_little_endian(dataset.read(ids)))
    digest.update(_little_endian(labels))
    return digest.hexdigest()


def file_fingerprint(root: Path, paths: Sequence[str], labels: NDArray[np.int64], view: View) -> str:
    """Return the sha256 of the view, each file's relative path and sha256, and the labels.

    Files are hashed as stored, not decoded: a picture saved again in another format is other data.

    Args:
        root: the folder that the paths are relative to.
        paths: relative paths with `/`, in the order of the sample ids.
        labels: (n,) class indices.
        view: what is made of each image.

    Raises:
        DataError: if a file cannot be read.
    """
    digest = hashlib.sha256(_header("files", view, n=len(labels)))
    for path in paths:
        with reading(root / path, "an image"), (root / path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(json.dumps([path, content]).encode() + b"\n")
    digest.update(_little_endian(labels))
    return digest.hexdigest()


def _header(kind: str, view: View, **facts: Any) -> bytes:
    header = {"fingerprint": kind, "version": 1, "view": asdict(view), **facts}
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _little_endian(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1).data
