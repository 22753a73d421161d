"""The noise family: gaussian-noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustkit import Keys, Levels
from robustkit_corruptions.params import CorruptionParams, Profile, published_levels
from robustkit_corruptions.pixels import from_unit, per_sample, to_unit

SIGMA: dict[Profile, Levels] = {
    "cifar": Levels(identity=0.0, values=(0.04, 0.06, 0.08, 0.09, 0.10)),
    "tiny-imagenet": Levels(identity=0.0, values=(0.04, 0.08, 0.12, 0.15, 0.18)),
    "imagenet": Levels(identity=0.0, values=(0.08, 0.12, 0.18, 0.26, 0.38)),
    "inception": Levels(identity=0.0, values=(0.09, 0.13, 0.19, 0.27, 0.40)),
}
"""Standard deviations in units of [0, 1]; from the scripts that made each published set (hendrycks/robustness)."""


@dataclass(frozen=True)
class NoiseDraws:
    """One batch of noise.

    Attributes:
        noise: (N, C, H, W) float64, standard normal.
        sigma: (N,) float64, its standard deviation in units of [0, 1].
    """

    noise: Tensor
    sigma: Tensor


class GaussianNoise:
    """Adds independent normal noise to every value: clip(x + sigma n)."""

    def __init__(self, params: CorruptionParams) -> None:
        self.params = params

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> NoiseDraws:
        """Return the noise of each image, which is the same at every severity, and its strength."""
        sigma = published_levels(SIGMA, self.params, shape).at(severity)
        return NoiseDraws(noise=keys.normal(*shape), sigma=sigma)

    def apply(self, images: Tensor, draws: NoiseDraws) -> Tensor:
        """Return the noisy images; any number of channels and any size."""
        noisy = to_unit(images) + per_sample(draws.sigma) * draws.noise
        return from_unit(noisy, images, self.params.mode)
