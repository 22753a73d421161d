"""How far a network that computes in float32 can be from the same network without any rounding.

A certificate speaks of real numbers, an evaluation of float32. A sum of n products and a bias, in whatever order, is
off by at most gamma = (n + 1) u / (1 - (n + 1) u) times the sum of their sizes, u = 2^-24 (Higham 2002, Accuracy and
stability of numerical algorithms, section 3.1). That holds for direct and matrix-product convolutions in full float32,
and not for TF32, autocast, or convolutions by Winograd's or Fourier transforms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from affine import Affine, absolute
from linear_bounds import Bounds
from torch import Tensor, nn

UNIT = 2.0**-24
"""The largest relative error of one operation in float32, rounded to nearest."""


@torch.no_grad()
def float32_error(parts: Sequence[Affine], hidden: Sequence[Bounds], box: Bounds) -> Tensor:
    """Return (outputs,) how far the outputs in float32 can be from the exact ones, for float32 inputs in a box.

    Args:
        parts: the network in float64, with weights that float32 holds exactly.
        hidden: (units,) each, bounds of what exactly goes into the ReLUs after each part but the last.
        box: (inputs,) each, flat.
    """
    size, error = torch.maximum(box[0].abs(), box[1].abs()), torch.zeros_like(box[0])
    for part, bounds in zip(parts, [*hidden, None], strict=True):
        size, error = size.reshape(1, *part.shape), error.reshape(1, *part.shape)
        for layer in part.layers:
            size, error = _after(layer, size, error)
        size, error = size.flatten(), error.flatten()
        if bounds is not None:
            # A ReLU adds nothing to an error; what it lets through is known better than by sizes.
            size = torch.minimum(size, bounds[1].relu() + error)
    return error


def _after(layer: nn.Module, size: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sizes of what a layer computes and its errors, given those of what goes in."""
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        return layer(size), layer(error)
    operations = layer.weight[0].numel() + 1
    gamma = operations * UNIT / (1 - operations * UNIT)
    terms = absolute(layer, bias=True)(size)
    return (1 + gamma) * terms, absolute(layer, bias=False)(error) + gamma * terms
