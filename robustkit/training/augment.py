"""Augmentation of training images; every draw comes from keys, one a sample and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from robustkit.engine.seeds import Keys

SHIFT = 4
"""Pixels by which `crop` shifts at most."""


def augment(images: Tensor, names: Sequence[str], keys: Keys) -> Tensor:
    """Return the images, each augmented by its own key.

    Args:
        images: (N, C, H, W).
        names: `flip` mirrors an image with probability 1/2; `crop` pads it with 4 pixels of 0 on each side and cuts it
            out again at a random place, as He et al. (2016), section 4.2, do. Applied in the order given.
        keys: one a sample.
    """
    for name in names:
        images = _METHODS[name](images, keys.child(name))
    return images


def _flip(images: Tensor, keys: Keys) -> Tensor:
    mirrored = keys.uniform(1, 1, 1) < 0.5
    return torch.where(mirrored, images.flip(3), images)


def _crop(images: Tensor, keys: Keys) -> Tensor:
    n, _, height, width = images.shape
    top, left = keys.integers(0, 2 * SHIFT + 1, 2).unbind(1)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    padded = functional.pad(images, (SHIFT, SHIFT, SHIFT, SHIFT)).permute(0, 2, 3, 1)
    samples = torch.arange(n, device=images.device)[:, None, None]
    return padded[samples, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


_METHODS = {"flip": _flip, "crop": _crop}
