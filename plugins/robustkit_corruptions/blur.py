"""The blur family: gaussian-blur."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robustkit import Keys, Levels
from robustkit_corruptions.params import CorruptionParams, Profile, published_levels
from robustkit_corruptions.pixels import from_unit, per_sample, to_unit

SIGMA: dict[Profile, Levels] = {
    "cifar": Levels(identity=0.0, values=(0.4, 0.6, 0.7, 0.8, 1.0)),
    "tiny-imagenet": Levels(identity=0.0, values=(0.5, 0.75, 1.0, 1.25, 1.5)),
    "imagenet": Levels(identity=0.0, values=(1.0, 2.0, 3.0, 4.0, 6.0)),
    "inception": Levels(identity=0.0, values=(1.5, 2.5, 3.5, 4.5, 6.5)),
}
"""Standard deviations in pixels; from the scripts that made each published set (hendrycks/robustness)."""

_TRUNCATE = 4.0
_ROWS, _COLUMNS = 2, 3


class GaussianBlur:
    """Convolves with a normal kernel, cut at 4 standard deviations; pixels outside repeat the edge.

    A kernel narrower than 1/8 pixel, which only severities below 1 have, is cut to its centre and changes nothing.
    """

    def __init__(self, params: CorruptionParams) -> None:
        self.params = params

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> Tensor:
        """Return (N, R + 1) float64: half of each image's kernel, its centre first, with zeros beyond its radius."""
        sigmas = published_levels(SIGMA, self.params, shape).at(severity)
        kernels = [half_kernel(sigma) for sigma in sigmas.tolist()]
        return torch.nn.utils.rnn.pad_sequence(kernels, batch_first=True).to(keys.device)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return the blurred images; any number of channels and any size."""
        rows_blurred = convolve(to_unit(images), draws, _ROWS)
        return from_unit(convolve(rows_blurred, draws, _COLUMNS), images, self.params.mode)


def half_kernel(sigma: float) -> Tensor:
    """Return (r + 1,) float64, the centre and one side of a normalised kernel of radius r = int(4 sigma + 0.5).

    >>> half_kernel(0.1)
    tensor([1.], dtype=torch.float64)
    """
    radius = int(_TRUNCATE * sigma + 0.5)
    if radius == 0:
        return torch.ones(1, dtype=torch.float64)
    # numpy, not torch: the reference's exponentials and sums, to the last bit.
    kernel = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return torch.from_numpy((kernel / kernel.sum())[radius:])


def convolve(images: Tensor, kernels: Tensor, dim: int) -> Tensor:
    """Return the images convolved with symmetric kernels along one dimension.

    The taps are added from the outermost inwards, as scipy adds them: flat areas lie on whole levels, where truncation
    shows the last bit. The fixed order also makes the result independent of the batch.

    Args:
        images: (N, C, H, W) float64.
        kernels: (N, R + 1), as `GaussianBlur.sample` returns them.
        dim: 2 or 3.
    """
    radius = kernels.shape[1] - 1
    padding = (0, 0, radius, radius) if dim == _ROWS else (radius, radius, 0, 0)
    padded = functional.pad(images, padding, mode="replicate")
    side = images.shape[dim]
    total = images * per_sample(kernels[:, 0])
    for tap in range(radius, 0, -1):
        pair = padded.narrow(dim, radius - tap, side) + padded.narrow(dim, radius + tap, side)
        total += pair.mul_(per_sample(kernels[:, tap]))
    return total
