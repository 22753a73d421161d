"""Between stored pixels and the values that corruptions compute with."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit import DataError
from robustkit_corruptions.params import Mode

WHITE = 255


def divide_(values: Tensor, number: float) -> Tensor:
    """Return the values, divided in place.

    CUDA takes a division by a Python number for a multiplication by its inverse, which rounds differently, and where
    the result is a whole level, truncation shows it. By a tensor it divides.
    """
    return values.div_(torch.tensor(number, dtype=values.dtype, device=values.device))


def to_values(images: Tensor, dtype: torch.dtype, scale: int) -> Tensor:
    """Return a new tensor of values from 0 to `scale`; where whole levels are wanted and given, the images themselves.

    Args:
        images: uint8 in 0..255, or float in [0, 1].
        dtype: of the result: float64, float32, or uint8 (with a scale of 255), to which floats are rounded.
        scale: 1 or 255.

    Raises:
        DataError: images of another dtype.

    >>> to_values(torch.tensor([0, 255], dtype=torch.uint8), torch.float64, 1)
    tensor([0., 1.], dtype=torch.float64)
    """
    if images.dtype == torch.uint8:
        if scale == WHITE:
            return images.to(dtype)
        # Divided in float64 and then rounded, as the references do it.
        return divide_(images.to(torch.float64), WHITE).to(dtype)
    if not images.is_floating_point():
        raise DataError(f"images: expected uint8 or float, got {images.dtype}", "convert them before corrupting")
    if dtype == torch.uint8:
        return (images.to(torch.float64) * scale).round().to(dtype)
    values = images.to(dtype, copy=True)
    return values if scale == 1 else values.mul_(scale)


def from_values(values: Tensor, scale: int, like: Tensor, mode: Mode) -> Tensor:
    """Return `values`, clipped to [0, scale], in the dtype and range of `like`.

    Args:
        values: as a corruption returns them; they may be overwritten.
        scale: the value of white.
        like: the images that the values were made from.
        mode: for uint8, whether to truncate (reference) or to round half to even (fixed). Floats are not quantised.

    >>> like = torch.tensor([0], dtype=torch.uint8)
    >>> from_values(torch.tensor([0.999]), 1, like, "reference"), from_values(torch.tensor([0.999]), 1, like, "fixed")
    (tensor([254], dtype=torch.uint8), tensor([255], dtype=torch.uint8))
    """
    if values.dtype == torch.uint8:
        return values if like.dtype == torch.uint8 else divide_(values.to(torch.float64), WHITE).to(like.dtype)
    values = values.clamp_(0, scale)
    if like.dtype != torch.uint8:
        return (values if scale == 1 else divide_(values, scale)).to(like.dtype)
    levels = values if scale == WHITE else values.mul_(WHITE)
    # By way of int16, for which processors have instructions.
    return (levels.round_() if mode == "fixed" else levels).to(torch.int16).to(torch.uint8)
