"""Grey values and colours in images of any number of channels."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_RGB = 3
_LUMA = (0.299, 0.587, 0.114)


def luma(values: Tensor) -> Tensor:
    """Return (N, 1, H, W), the grey value of each pixel: of RGB the luma of BT.601, else the mean of the channels.

    On a CPU by OpenCV, as in the references: its sums have an order that depends on the processor.

    Args:
        values: (N, C, H, W) float32.

    >>> luma(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).item() == torch.tensor(0.299).item()
    True
    """
    if values.shape[1] != _RGB:
        return values.mean(dim=1, keepdim=True)
    if values.device.type == "cpu":
        planes = values.numpy()
        return torch.from_numpy(np.stack([cv2.cvtColor(cv2.merge(image), cv2.COLOR_RGB2GRAY) for image in planes]))[
            :, None
        ]
    return weighted(values)


def weighted(values: Tensor) -> Tensor:
    """Return the luma of (N, 3, H, W) RGB by its formula, on any device."""
    return values[:, 0:1] * _LUMA[0] + values[:, 1:2] * _LUMA[1] + values[:, 2:3] * _LUMA[2]


def tinted(colour: tuple[float, float, float], channels: int, like: Tensor) -> Tensor:
    """Return (1, C, 1, 1), a colour given as RGB: itself for three channels, else its grey value in each."""
    red, green, blue = colour
    grey = red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]
    chosen = colour if channels == _RGB else [grey] * channels
    return torch.tensor(chosen, dtype=like.dtype, device=like.device)[:, None, None]
