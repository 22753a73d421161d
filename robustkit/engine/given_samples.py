"""Samples that are handed over in memory: checked, as batches, and given back in the form in which they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.engine.data import range_hint
from robustkit.engine.inputs import Inputs
from robustkit.errors import DataError

_FORMS = "expected a torch tensor, a numpy array or a list of texts"
_FEW = (1, 3, 4)
"""As many channels as pictures have."""


@dataclass(frozen=True, kw_only=True)
class GivenSamples:
    """Samples of a caller.

    Attributes:
        inputs: (N, C, H, W), uint8, or float in [0, 1]; or N texts.
        shape: (C, H, W); None for texts.
        back: turns a batch like `inputs` into what the caller gave.
    """

    inputs: Inputs
    shape: tuple[int, int, int] | None
    back: Callable[[Inputs], Any]


def take_samples(given: Any) -> GivenSamples:
    """Return what a caller gave as a batch.

    Args:
        given: (C, H, W) or (N, C, H, W) of torch or numpy, or a list of texts.

    Raises:
        DataError: it is something else, or holds values that images do not have.
    """
    if isinstance(given, Tensor | np.ndarray):
        return _take_images(given)
    if not isinstance(given, list | tuple):
        raise DataError(f"images: {_FORMS}, got {type(given).__name__}", "a single text goes into a list: [text]")
    _check_texts(given)
    return GivenSamples(inputs=list(given), shape=None, back=lambda texts: texts)


def _check_texts(texts: Sequence[Any]) -> None:
    other = next((text for text in texts if not isinstance(text, str)), None)
    if other is not None:
        what = f"got a list with an entry of {type(other).__name__}"
        raise DataError(f"images: {_FORMS}, {what}", "make one array of images: np.stack(images), torch.stack(images)")
    if "" in texts:
        raise DataError(f"texts: expected none to be empty, but number {texts.index('')} is", "leave it out")


def _take_images(given: Tensor | NDArray[Any]) -> GivenSamples:
    _check_shape(given)
    tensor = given.detach() if isinstance(given, Tensor) else _as_tensor(given)
    _check_storage(tensor)
    if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
        raise _other_dtype(given.dtype)
    batch = (tensor if tensor.ndim == 4 else tensor[None]).contiguous()
    _check_values(batch)
    channels, height, width = batch.shape[1:]

    def back(found: Inputs) -> Any:
        assert isinstance(found, Tensor)
        images = found if tensor.ndim == 4 else found[0]
        return images if isinstance(given, Tensor) else images.numpy().astype(given.dtype, copy=False)

    return GivenSamples(inputs=batch, shape=(channels, height, width), back=back)


def _check_storage(tensor: Tensor) -> None:
    if tensor.layout is not torch.strided:
        raise DataError(f"images: expected a dense tensor, got {tensor.layout}", "for example images.to_dense()")
    if tensor.is_meta:
        raise DataError("images: a tensor on the device meta holds no values", "give one that was computed or read")


def _as_tensor(array: NDArray[Any]) -> Tensor:
    """Return a copy: arrays may be read-only, reversed, or have the bytes of another machine."""
    try:
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
    except TypeError as error:
        raise _other_dtype(array.dtype) from error


def _other_dtype(dtype: Any) -> DataError:
    return DataError(
        f"images: expected uint8 or float, got {dtype}",
        "convert levels of 255 to uint8, anything else to floats in [0, 1]",
    )


def _check_shape(given: Tensor | NDArray[Any]) -> None:
    shape = tuple(given.shape)
    expected = f"images: expected (C, H, W) or (N, C, H, W), got {shape}"
    if len(shape) not in (3, 4):
        raise DataError(expected, "one grey image is images[None], a batch of them images[:, None]")
    if not shape[-3]:
        raise DataError(expected, "images have a channel at least")
    if shape[-1] in _FEW and shape[-3] not in _FEW:
        move = "images.movedim(-1, -3)" if isinstance(given, Tensor) else "np.moveaxis(images, -1, -3)"
        raise DataError(expected, f"in these the channels come last; {move} puts them first")


def _check_values(batch: Tensor) -> None:
    if batch.dtype == torch.uint8 or not batch.numel():
        return
    low, high = batch.aminmax()
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        first = int((~torch.isfinite(batch).flatten(1).all(1)).nonzero()[0])
        raise DataError(
            f"images: expected finite values, got NaN or Inf in sample {first}", "mend or leave out the sample"
        )
    if low < 0 or high > 1:
        raise DataError(
            f"images: expected floats in [0, 1], got {float(low):.8g}..{float(high):.8g}",
            range_hint(float(low), float(high)),
        )
