"""The corruptions in HSV space: brightness and saturate.

Three channels are taken as RGB. HSV does not define other numbers of channels; what is done with them is robustkit's
choice.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from robustkit_corruptions.constants import Constants, Row, levels
from robustkit_corruptions.corruption import Corruption
from robustkit_corruptions.pixels import divide_

_LARGE = levels(0.1, 0.2, 0.3, 0.4, 0.5)
_V, _T, _P, _Q = range(4)
_SECTORS = ((_V, _T, _P), (_Q, _V, _P), (_P, _V, _T), (_P, _Q, _V), (_T, _P, _V), (_V, _P, _Q), (_V, _T, _P))
"""Which of four values red, green and blue are in each sector; a hue that rounds to a whole turn is in the first."""

_RGB = 3


class Brightness(Corruption):
    """Raises every pixel's HSV value by a constant; hue and saturation stay.

    Of one channel, the value is the channel itself. More channels are scaled as RGB is, with the largest as the value.
    """

    constants = Constants(
        names=("shift",),
        identity=(0.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.05, 0.1, 0.15, 0.2, 0.3),
            "tiny-imagenet": _LARGE,
            "imagenet": _LARGE,
            "inception": _LARGE,
        },
    )

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the brighter values."""
        (shift,) = constants
        return raise_value(values, shift)


class Saturate(Corruption):
    """Stretches and shifts every pixel's HSV saturation: a s + b, clipped to [0, 1].

    Severities 1 and 2 take colour away, 3 and more add some: between 2 and 3, where a is 1, images stay as they are (at
    2.47 for most sets, 2.64 for cifar).

    Images of one channel have no saturation and stay as they are. Of other channels, the distances to the largest are
    scaled.

    reference: pixels without a hue take that of red, so that greys turn reddish where b > 0. fixed: they stay grey.
    """

    constants = Constants(
        names=("factor", "shift"),
        identity=(1.0, 0.0),
        rules=("linear", "linear"),
        tables={
            "cifar": ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
            "tiny-imagenet": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
            "imagenet": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
            "inception": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
        },
    )

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the more or less colourful values."""
        factor, shift = constants
        return stretch_saturation(values, factor, shift, keep_grey=self.params.mode == "fixed")


class _Hsv(NamedTuple):
    """RGB images in HSV, each (N, 1, H, W): the sector of the hue, 0 to 5, the place in it, saturation and value."""

    sector: Tensor
    rest: Tensor
    saturation: Tensor
    value: Tensor


def raise_value(images: Tensor, shift: float) -> Tensor:
    """Return the images with their HSV value raised and clipped to [0, 1].

    Args:
        images: (N, C, H, W) float in [0, 1].
        shift: what is added to the value.

    >>> raise_value(torch.tensor([0.2, 0.4, 0.2]).view(1, 3, 1, 1), 0.4).flatten()
    tensor([0.4000, 0.8000, 0.4000])
    """
    if images.shape[1] == _RGB:
        hsv = _to_hsv(images)
        return _to_rgb(hsv._replace(value=(hsv.value + shift).clamp_(0, 1)))
    value = images.amax(dim=1, keepdim=True)
    raised = (value + shift).clamp_(0, 1)
    if images.shape[1] == 1:
        return raised
    return torch.where(value == 0, raised, images * raised / torch.where(value == 0, 1.0, value))


def stretch_saturation(images: Tensor, factor: float, shift: float, *, keep_grey: bool) -> Tensor:
    """Return the images with another HSV saturation, `factor` times the old one plus `shift`, clipped to [0, 1].

    Args:
        images: (N, C, H, W) float in [0, 1].
        factor: 1 for the old one.
        shift: 0 for the old one.
        keep_grey: whether pixels without saturation keep it so; otherwise they take the hue of red.

    >>> stretch_saturation(torch.tensor([0.2, 0.4, 0.2]).view(1, 3, 1, 1), 2.0, 0.0, keep_grey=True).flatten()
    tensor([0.0000, 0.4000, 0.0000])
    """
    if images.shape[1] == _RGB:
        hsv = _to_hsv(images)
        stretched = (hsv.saturation * factor + shift).clamp_(0, 1)
        if keep_grey:
            stretched = torch.where(hsv.saturation == 0, 0.0, stretched)
        return _to_rgb(hsv._replace(saturation=stretched))
    value = images.amax(dim=1, keepdim=True)
    saturation = 1 - images.amin(dim=1, keepdim=True) / torch.where(value == 0, 1.0, value)
    flat = (saturation == 0) | (value == 0)
    stretched = (saturation * factor + shift).clamp_(0, 1)
    return value - (value - images) * torch.where(flat, 1.0, stretched / torch.where(flat, 1.0, saturation))


def _to_hsv(images: Tensor) -> _Hsv:
    """Return RGB images in HSV (Smith 1978), with scikit-image's order of operations.

    A closed form without the hue exists. The detour has the roundings of the published sets, where a truncation
    follows.
    """
    red, green, blue = images[:, 0:1], images[:, 1:2], images[:, 2:3]
    value = torch.maximum(torch.maximum(red, green), blue)
    spread = value - torch.minimum(torch.minimum(red, green), blue)

    def where(condition: Tensor) -> Tensor:
        # Products with 0 and 1 are exact, and on a CPU four times as fast as `torch.where`.
        return condition.to(images.dtype)

    grey = where(spread == 0)
    saturation = spread / (value + where(value == 0))
    is_blue = where(blue == value)
    is_green = where(green == value).mul_(1 - is_blue)
    is_red = (1 - is_blue).sub_(is_green)
    ahead = (green - blue).mul_(is_red).add_((blue - red).mul_(is_green)).add_((red - green).mul_(is_blue))
    turn = is_blue.mul_(4).add_(is_green, alpha=2).mul_(1 - grey)
    hue = divide_(ahead.div_(spread + grey).add_(turn), 6)
    hue = hue.add_(where(hue < 0)).mul_(6)
    sector = torch.floor(hue)
    return _Hsv(sector=sector, rest=hue.sub_(sector), saturation=saturation, value=value)


def _to_rgb(hsv: _Hsv) -> Tensor:
    value, saturation, rest = hsv.value, hsv.saturation, hsv.rest
    lowest = value * (1 - saturation)
    falling = value * (1 - rest * saturation)
    rising = value * (1 - (1 - rest) * saturation)
    sectors = hsv.sector.to(torch.int64).flatten()
    # `gather` looks up twice as fast as indexing.
    order = [which.gather(0, sectors).view(value.shape) for which in torch.tensor(_SECTORS, device=value.device).T]
    return torch.cat([value, rising, lowest, falling], dim=1).gather(1, torch.cat(order, dim=1))
