"""What a feature is replaced by when it is taken away."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

BaselineKind = Literal["zero", "mean", "blur"]


def make_baseline(images: Tensor, kind: BaselineKind) -> Tensor:
    """Return images without detail, like `images`; robustkit's choices.

    Args:
        images: (N, C, H, W).
        kind: `zero`; `mean`, that of each channel of each image; or `blur`, by a Gaussian of an eighth of the longer
            side, beyond whose edges the image goes on as at the edge.

    >>> make_baseline(torch.tensor([[[[0.0, 1.0]]]]), "mean")
    tensor([[[[0.5000, 0.5000]]]])
    """
    if kind == "zero":
        return torch.zeros_like(images)
    if kind == "mean":
        return images.mean(dim=(2, 3), keepdim=True).expand_as(images).contiguous()
    std = max(images.shape[2:]) / 8
    return _blurred(_blurred(images, std).transpose(2, 3), std).transpose(2, 3)


def _blurred(images: Tensor, std: float) -> Tensor:
    """Return the images blurred from left to right."""
    reach = int(3 * std) + 1
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-offsets.square() / (2 * std**2))
    rows = functional.pad(images, (reach, reach, 0, 0), mode="replicate").flatten(0, 2)[:, None]
    return functional.conv1d(rows, (weights / weights.sum())[None, None]).reshape(images.shape)
