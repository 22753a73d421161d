"""Batches as models take them: images as tensors, texts as strings."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import Modality
from robustkit.engine.data import check_pixels
from robustkit.errors import DataError, RobustkitError
from robustkit.protocols import ImageDataset, TextDataset

Inputs = Tensor | list[str]
"""(N, C, H, W) images, uint8 or float in [0, 1]; or N texts."""


def modality_of(dataset: ImageDataset | TextDataset) -> Modality:
    """Return what a dataset holds: images have a view, texts have none."""
    return "image" if hasattr(dataset, "view") else "text"


def read_fingerprint(dataset: ImageDataset | TextDataset, ids: NDArray[np.int64], name: str) -> str:
    """Check the pixels that will be used and return the dataset's fingerprint.

    Raises:
        DataError: a sample cannot be read or used.
    """
    try:
        if modality_of(dataset) == "image":
            check_pixels(cast("ImageDataset", dataset), ids)
        return dataset.fingerprint()
    except RobustkitError:
        raise
    except Exception as error:
        raise DataError(
            f"dataset '{name}' cannot be read: {type(error).__name__}: {error}", "mend the dataset"
        ) from error


def read_inputs(dataset: ImageDataset | TextDataset, ids: NDArray[np.int64], device: torch.device) -> Inputs:
    """Return the samples of these ids, as they are stored: uint8 or float32 images on the device, or texts.

    What is returned is a copy: what a plugin does to it does not reach the dataset.

    Raises:
        DataError: reading fails, or the dataset does not keep its contract.
    """
    try:
        read: Any = dataset.read(ids)
    except RobustkitError:
        raise
    except Exception as error:
        raise DataError(
            f"reading the samples {ids[0]} to {ids[-1]} failed: {type(error).__name__}: {error}", "mend the dataset"
        ) from error
    if modality_of(dataset) == "text":
        return _texts(read, ids)
    images = torch.from_numpy(_images(read, ids, cast("ImageDataset", dataset).view.shape))
    if device.type == "cuda":
        images = images.pin_memory()
    return images.to(device, non_blocking=True)


def read_labels(dataset: ImageDataset | TextDataset, ids: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return (N,) int64 labels on the device."""
    return torch.from_numpy(dataset.labels[ids].astype(np.int64)).to(device)


def to_model(inputs: Inputs) -> Inputs:
    """Return the batch as a wrapped model takes it: images as float32 in [0, 1], texts as they are."""
    if not isinstance(inputs, Tensor):
        return inputs
    return inputs.to(torch.float32).div_(255) if inputs.dtype == torch.uint8 else inputs.to(torch.float32)


def _images(read: Any, ids: NDArray[np.int64], shape: tuple[int, int, int]) -> NDArray[Any]:
    images = np.ascontiguousarray(read)
    expected = (len(ids), *shape)
    if images.shape != expected or images.dtype not in (np.uint8, np.float32):
        raise DataError(
            f"expected the samples {ids[0]} to {ids[-1]} as {expected} uint8 or float32, "
            f"got {images.shape} {images.dtype}",
            "mend the dataset's read()",
        )
    return images if images.base is None else images.copy()


def _texts(read: Any, ids: NDArray[np.int64]) -> list[str]:
    texts = list(read)
    if len(texts) != len(ids) or not all(isinstance(text, str) and text for text in texts):
        raise DataError(
            f"expected the samples {ids[0]} to {ids[-1]} as {len(ids)} texts, none empty", "mend the dataset's read()"
        )
    return texts
