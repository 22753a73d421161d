"""The weather family: brightness."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit import Keys, Levels
from robustkit_corruptions.params import CorruptionParams, Profile, published_levels
from robustkit_corruptions.pixels import from_unit, per_sample, to_unit

_LARGE = Levels(identity=0.0, values=(0.1, 0.2, 0.3, 0.4, 0.5))
SHIFT: dict[Profile, Levels] = {
    "cifar": Levels(identity=0.0, values=(0.05, 0.1, 0.15, 0.2, 0.3)),
    "tiny-imagenet": _LARGE,
    "imagenet": _LARGE,
    "inception": _LARGE,
}
"""What is added to the HSV value, in [0, 1]; from the scripts that made each published set (hendrycks/robustness)."""

_V, _T, _P, _Q = range(4)
_SECTORS = ((_V, _T, _P), (_Q, _V, _P), (_P, _V, _T), (_P, _Q, _V), (_T, _P, _V), (_V, _P, _Q))


class Brightness:
    """Raises every pixel's HSV value by a constant; hue and saturation stay.

    Three channels are taken as RGB. Of one channel, the value is the channel itself. Any other number of channels is
    scaled as RGB is, with the largest channel as the value (robustkit's choice; HSV does not define it).
    """

    def __init__(self, params: CorruptionParams) -> None:
        self.params = params

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> Tensor:  # noqa: ARG002 - draws nothing
        """Return (N,) float64, what is added to the value of each image."""
        return published_levels(SHIFT, self.params, shape).at(severity)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Return the brighter images; any size."""
        return from_unit(raise_value(to_unit(images), per_sample(draws)), images, self.params.mode)


def raise_value(images: Tensor, shift: Tensor) -> Tensor:
    """Return the images with their HSV value raised and clipped to [0, 1].

    Args:
        images: (N, C, H, W) float in [0, 1].
        shift: broadcasts to (N, 1, H, W).

    >>> raise_value(torch.tensor([0.2, 0.4, 0.2]).view(1, 3, 1, 1), torch.tensor(0.4)).flatten()
    tensor([0.4000, 0.8000, 0.4000])
    """
    value = images.amax(dim=1, keepdim=True)
    raised = (value + shift).clamp(0, 1)
    if images.shape[1] == 1:
        return raised
    if images.shape[1] == 3:
        return _with_value(images, value, raised)
    return torch.where(value == 0, raised, images * raised / torch.where(value == 0, 1.0, value))


def _with_value(images: Tensor, value: Tensor, raised: Tensor) -> Tensor:
    """Return RGB images with another value, through HSV (Smith 1978).

    In closed form this is images * raised / value. The detour has the roundings of the published sets, where a
    truncation to uint8 follows; the order of operations is that of scikit-image's conversions.
    """
    red, green, blue = images[:, 0:1], images[:, 1:2], images[:, 2:3]
    spread = value - images.amin(dim=1, keepdim=True)
    grey = spread == 0
    divisor = torch.where(grey, 1.0, spread)
    saturation = spread / torch.where(grey, 1.0, value)
    from_red, from_green, from_blue = (green - blue) / divisor, 2 + (blue - red) / divisor, 4 + (red - green) / divisor
    hue = torch.where(blue == value, from_blue, torch.where(green == value, from_green, from_red))
    hue = torch.where(grey, 0.0, torch.remainder(hue / 6, 1.0))
    sector = torch.floor(hue * 6)
    rest = hue * 6 - sector
    lowest = raised * (1 - saturation)
    falling = raised * (1 - rest * saturation)
    rising = raised * (1 - (1 - rest) * saturation)
    order = torch.tensor(_SECTORS, device=images.device)[sector.squeeze(1).to(torch.int64) % 6]
    return torch.cat([raised, rising, lowest, falling], dim=1).gather(1, order.movedim(-1, 1))
