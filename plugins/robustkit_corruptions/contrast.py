"""contrast."""

from __future__ import annotations

from torch import Tensor

from robustkit_corruptions.constants import Constants, Row, levels
from robustkit_corruptions.corruption import Corruption
from robustkit_corruptions.pixels import divide_

_LARGE = levels(0.4, 0.3, 0.2, 0.1, 0.05)


class Contrast(Corruption):
    """Draws every channel towards its mean over the image: (x - mean) c + mean."""

    constants = Constants(
        names=("factor",),
        identity=(1.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.75, 0.5, 0.4, 0.3, 0.15),
            "tiny-imagenet": _LARGE,
            "imagenet": _LARGE,
            "inception": _LARGE,
        },
    )

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the flatter values; any number of channels."""
        (factor,) = constants
        mean = channel_mean(values)
        return values.sub_(mean).mul_(factor).add_(mean)


def channel_mean(images: Tensor) -> Tensor:
    """Return (N, C, 1, 1), the mean of each channel of (N, C, H, W) images.

    On the CPU the pixels are added one by one in raster order, as numpy adds the (H, W, C) arrays of the reference:
    another order rounds differently, and where the result is a whole level, truncation shows it. Other devices add in
    an order of their own.
    """
    pixels = images.flatten(2)
    total = pixels.cumsum(dim=2)[..., -1] if images.device.type == "cpu" else pixels.sum(dim=2)
    return divide_(total, pixels.shape[2])[..., None, None]
