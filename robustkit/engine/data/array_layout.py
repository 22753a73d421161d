"""How the axes and numbers of an array of images are meant."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robustkit.errors import DataError

Layout = Literal["NHW", "NHWC", "NCHW"]
_CHANNELS = ((1, 3), (4,))  # four channels are so rare that images 4 pixels wide are likelier


def layout_of(shape: tuple[int, ...], *, where: str) -> Layout:
    """Return how the axes of an array of images are meant, from its shape; channels are 1, 3 or 4.

    Args:
        shape: of the whole array.
        where: the file, for messages.

    Raises:
        DataError: if the shape fits no layout, or NHWC as well as NCHW.

    >>> layout_of((10, 28, 28), where=""), layout_of((10, 32, 32, 3), where=""), layout_of((10, 1, 28, 28), where="")
    ('NHW', 'NHWC', 'NCHW')
    """
    expected = f"{where}: expected images of shape (n, h, w), (n, h, w, c) or (n, c, h, w) with c in 1, 3, 4"
    if len(shape) == 3:
        return "NHW"
    if len(shape) != 4:
        flat = "images are flattened: save them reshaped, such as images.reshape(-1, 28, 28)"
        raise DataError(f"{expected}, got {shape}", flat if len(shape) == 2 else "save them in one of these shapes")
    for channels in _CHANNELS:
        first, last = shape[1] in channels, shape[3] in channels
        if first and last:
            raise DataError(
                f"{expected}, got {shape}, which fits two", "open it with NumpyDataset(layout='NCHW' or 'NHWC')"
            )
        if first or last:
            return "NCHW" if first else "NHWC"
    raise DataError(f"{expected}, got {shape}", "for other numbers of channels use NumpyDataset(layout=…)")


def to_nchw(images: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return a view of the images with the axes (n, c, h, w).

    >>> to_nchw(np.zeros((2, 5, 6, 3)), "NHWC").shape
    (2, 3, 5, 6)
    """
    if layout == "NHW":
        return images[:, None]
    return images.transpose(0, 3, 1, 2) if layout == "NHWC" else images


def handed_out_dtype(dtype: np.dtype[Any], *, where: str) -> type[np.uint8 | np.float32]:
    """Return what pixels of a stored type are handed out as: integers as uint8, floats as float32.

    Raises:
        DataError: for anything that is not a real number.

    >>> handed_out_dtype(np.dtype("float64"), where="")
    <class 'numpy.float32'>
    """
    if dtype.kind in "iu":
        return np.uint8
    if dtype.kind == "f":
        return np.float32
    raise DataError(
        f"{where}: expected pixels as uint8 or as floats in [0, 1], got {dtype}",
        "save images.astype('float32')" if dtype.kind == "b" else "save the images as uint8",
    )
