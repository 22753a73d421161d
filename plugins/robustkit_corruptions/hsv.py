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
from robustkit_corruptions.pieces import by_images
from robustkit_corruptions.pixels import divide_

_LARGE = levels(0.1, 0.2, 0.3, 0.4, 0.5)
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
        return by_images(values, lambda images: raise_value(images, shift))


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
        keep_grey = self.params.mode == "fixed"
        return by_images(values, lambda images: stretch_saturation(images, factor, shift, keep_grey=keep_grey))


Marks = tuple[Tensor, Tensor, Tensor]
"""For red, green and blue (N, 1, H, W): 1 where the channel is the one in question, and 0 elsewhere."""


class _Hsv(NamedTuple):
    """RGB images in HSV, without the hue itself.

    Attributes:
        largest: which channel is; of greys, red.
        smallest: which channel is; of greys, blue.
        below: (N, 1, H, W), how far the third channel is below the largest, as a share of the largest's distance to the
            smallest.
        saturation: (N, 1, H, W) in [0, 1].
        value: (N, 1, H, W) in [0, 1].
    """

    largest: Marks
    smallest: Marks
    below: Tensor
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
    follows. A hue that rounds to the border of its sector has the same colour in both, so that the order of a pixel's
    channels tells all that the sector does.
    """
    red, green, blue = images.chunk(_RGB, dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    least = torch.minimum(torch.minimum(red, green), blue)
    spread = value - least
    grey = _equal(spread, 0)
    spread.add_(grey)
    saturation = (value - least).div_(value + grey)
    coloured = 1 - grey
    is_blue = _equal(blue, value).mul_(coloured)
    is_green = _equal(green, value).mul_(coloured).mul_(1 - is_blue)
    is_red = (1 - is_blue).sub_(is_green)
    ahead = (green - blue).mul_(is_red).addcmul_(blue - red, is_green).addcmul_(red - green, is_blue)
    hue = divide_(ahead.div_(spread).add_(is_blue, alpha=4).add_(is_green, alpha=2), 6)
    hue = hue.add_(torch.lt(hue, 0, out=spread)).mul_(6)
    sector = torch.floor(hue)
    rest = hue.sub_(sector)
    even = sector.mul_(0.5).frac_().mul_(-2).add_(1)
    lowest_blue = _equal(blue, least).mul_(1 - is_blue)
    lowest_green = _equal(green, least).mul_(1 - is_green).mul_(1 - lowest_blue)
    return _Hsv(
        largest=(is_red, is_green, is_blue),
        smallest=((1 - lowest_blue).sub_(lowest_green), lowest_green, lowest_blue),
        below=rest.sub_(even).abs_(),
        saturation=saturation,
        value=value,
    )


def _equal(values: Tensor, other: Tensor | float) -> Tensor:
    """Return 1 where they are equal and 0 elsewhere, in the dtype of `values`.

    Products with these are exact, and on a CPU several times as fast as booleans and `torch.where`.
    """
    return torch.eq(values, other, out=torch.empty_like(values))


def _to_rgb(hsv: _Hsv) -> Tensor:
    value = hsv.value
    lowest = (1 - hsv.saturation).mul_(value)
    third = (hsv.below * hsv.saturation).neg_().add_(1).mul_(value)
    channels = [
        (lowest * smallest).addcmul_(value, largest).addcmul_(third, (1 - largest).sub_(smallest))
        for largest, smallest in zip(hsv.largest, hsv.smallest, strict=True)
    ]
    return torch.cat(channels, dim=1)
