"""Dark stripes."""

from dataclasses import dataclass

import torch
from robustkit import ConfigError, Keys, Levels
from torch import Tensor

from robustkit_stripes.params import StripesParams

DEPTH = Levels(identity=0.0, values=(0.2, 0.35, 0.5, 0.65, 0.8))
"""How much of the light a stripe takes away at the severities 1 to 5; 0 changes nothing."""


@dataclass(frozen=True)
class StripesDraws:
    """What is decided before the images are seen, one entry for each of N images.

    Attributes:
        offset: (N,) int64, by how many pixels the pattern is shifted.
        depth: (N,) float64, the share of the light that a stripe takes away.
    """

    offset: Tensor
    depth: Tensor


class Stripes:
    """Darkens stripes: every second band of `width` pixels, at a random offset for each image."""

    def __init__(self, params: StripesParams) -> None:
        self.params = params

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> StripesDraws:
        """Return the offset of each image, which is the same at every severity, and the depth of its stripes."""
        period, along = 2 * self.params.width, self._along(shape)
        if period > along:
            hint = f"choose a width up to {along // 2}"
            raise ConfigError(f"stripes: a stripe and a gap need {period} pixels, the images have {along}", hint)
        return StripesDraws(offset=keys.integers(0, period), depth=DEPTH.at(severity))

    def apply(self, images: Tensor, draws: StripesDraws) -> Tensor:
        """Return the striped images; any number of channels."""
        position = torch.arange(self._along(images.shape[1:]), device=images.device) + draws.offset[:, None]
        is_dark = (position // self.params.width) % 2 == 1
        light = 1 - is_dark * draws.depth[:, None]
        light = light[:, None, :, None] if self.params.direction == "horizontal" else light[:, None, None, :]
        striped = images * light
        return (striped if images.is_floating_point() else striped.round()).to(images.dtype)

    def _along(self, shape: tuple[int, ...]) -> int:
        """Return how many pixels lie across the stripes."""
        _, height, width = shape
        return height if self.params.direction == "horizontal" else width
