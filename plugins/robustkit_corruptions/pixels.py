"""Between stored pixels and float64 in [0, 1], where corruptions are computed as their references compute them."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit import DataError
from robustkit_corruptions.params import Mode


def to_unit(images: Tensor) -> Tensor:
    """Return a new float64 tensor in [0, 1].

    Args:
        images: uint8 in 0..255, or float in [0, 1].

    Raises:
        DataError: another dtype.

    >>> to_unit(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.], dtype=torch.float64)
    """
    if images.dtype == torch.uint8:
        return images.to(torch.float64) / 255
    if images.is_floating_point():
        return images.to(torch.float64, copy=True)
    raise DataError(f"images: expected uint8 or float, got {images.dtype}", "convert them before corrupting")


def from_unit(values: Tensor, like: Tensor, mode: Mode) -> Tensor:
    """Return `values`, clipped to [0, 1], in the dtype and range of `like`.

    Args:
        values: float64.
        like: the images that the values were made from.
        mode: for uint8, whether to truncate (reference) or to round half to even (fixed). Floats are not quantised.

    >>> like = torch.tensor([0], dtype=torch.uint8)
    >>> from_unit(torch.tensor([0.999]), like, "reference"), from_unit(torch.tensor([0.999]), like, "fixed")
    (tensor([254], dtype=torch.uint8), tensor([255], dtype=torch.uint8))
    """
    values = values.clamp(0, 1)
    if like.dtype != torch.uint8:
        return values.to(like.dtype)
    levels = values * 255
    return (levels.round() if mode == "fixed" else levels).to(torch.uint8)


def per_sample(constants: Tensor) -> Tensor:
    """Return (N,) constants as (N, 1, 1, 1), to be combined with a batch of images."""
    return constants[:, None, None, None]
