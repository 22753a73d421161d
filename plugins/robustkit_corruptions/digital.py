"""The digital family: contrast."""

from __future__ import annotations

from torch import Tensor

from robustkit import Keys, Levels
from robustkit_corruptions.params import CorruptionParams, Profile, published_levels
from robustkit_corruptions.pixels import from_unit, per_sample, to_unit

_LARGE = Levels(identity=1.0, values=(0.4, 0.3, 0.2, 0.1, 0.05))
FACTOR: dict[Profile, Levels] = {
    "cifar": Levels(identity=1.0, values=(0.75, 0.5, 0.4, 0.3, 0.15)),
    "tiny-imagenet": _LARGE,
    "imagenet": _LARGE,
    "inception": _LARGE,
}
"""What remains of the distance to the mean; from the scripts that made each published set (hendrycks/robustness)."""


class Contrast:
    """Draws every channel towards its mean over the image: (x - mean) c + mean."""

    def __init__(self, params: CorruptionParams) -> None:
        self.params = params

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> Tensor:  # noqa: ARG002 - draws nothing
        """Return (N,) float64, what remains of each image's contrast."""
        return published_levels(FACTOR, self.params, shape).at(severity)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return the flatter images; any number of channels and any size."""
        values = to_unit(images)
        mean = channel_mean(values)
        return from_unit((values - mean) * per_sample(draws) + mean, images, self.params.mode)


def channel_mean(images: Tensor) -> Tensor:
    """Return (N, C, 1, 1), the mean of each channel of (N, C, H, W) images.

    On the CPU the pixels are added one by one in raster order, as numpy adds the (H, W, C) arrays of the reference:
    another order rounds differently, and where the result is a whole level, truncation shows it. Other devices add in
    an order of their own.
    """
    pixels = images.flatten(2)
    total = pixels.cumsum(dim=2)[..., -1] if images.device.type == "cpu" else pixels.sum(dim=2)
    return (total / pixels.shape[2])[..., None, None]
