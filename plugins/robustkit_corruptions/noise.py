"""The noise family: independent noise on every value."""

from __future__ import annotations

import math
from math import inf

import torch
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row, levels
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.pixels import WHITE, divide_
from robustkit_corruptions.poisson import photon_counts


class GaussianNoise(Corruption):
    """Adds independent normal noise to every value: x + sigma n."""

    constants = Constants(
        names=("sigma",),
        identity=(0.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.04, 0.06, 0.08, 0.09, 0.10),
            "tiny-imagenet": levels(0.04, 0.08, 0.12, 0.15, 0.18),
            "imagenet": levels(0.08, 0.12, 0.18, 0.26, 0.38),
            "inception": levels(0.09, 0.13, 0.19, 0.27, 0.40),
        },
    )

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:  # noqa: ARG002
        """Return (N, C, H, W) float64, standard normal."""
        return keys.normal(*shape, bits=32)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the noisy values; any number of channels."""
        (sigma,) = constants
        return values.add_(drawn, alpha=sigma)


class SpeckleNoise(Corruption):
    """Adds normal noise in proportion to the value: x + x sigma n."""

    constants = Constants(
        names=("sigma",),
        identity=(0.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.06, 0.1, 0.12, 0.16, 0.2),
            "tiny-imagenet": levels(0.15, 0.2, 0.25, 0.3, 0.35),
            "imagenet": levels(0.15, 0.2, 0.35, 0.45, 0.6),
            "inception": levels(0.16, 0.21, 0.36, 0.46, 0.61),
        },
    )

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:  # noqa: ARG002
        """Return (N, C, H, W) float64, standard normal."""
        return keys.normal(*shape, bits=32)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the noisy values; any number of channels."""
        (sigma,) = constants
        return torch.addcmul(values, values, drawn, value=sigma)


class ShotNoise(Corruption):
    """Counts photons: Poisson numbers with mean c x, over c.

    The counts come from one uniform number a value, by the inverse of their distribution. Given the same counts the
    references have the same results; numpy, from which they draw, finds counts of the same distribution in other ways.
    """

    constants = Constants(
        names=("photons",),
        identity=(inf,),
        rules=("inverse",),
        tables={
            "cifar": levels(500, 250, 100, 75, 50),
            "tiny-imagenet": levels(250, 100, 50, 30, 15),
            "imagenet": levels(60, 25, 12, 5, 3),
            "inception": levels(50, 20, 10, 5, 3),
        },
    )
    scale = WHITE

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:  # noqa: ARG002
        """Return (N, C, H, W) float64, uniform in [0, 1)."""
        return keys.uniform(*shape, bits=32)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the noisy values; any number of channels."""
        (photons,) = constants
        return divide_(photon_counts(values, photons, drawn), photons).mul_(WHITE)


class ImpulseNoise(Corruption):
    """Replaces a share of all values by black or white, with equal chances."""

    constants = Constants(
        names=("amount",),
        identity=(0.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.01, 0.02, 0.03, 0.05, 0.07),
            "tiny-imagenet": levels(0.01, 0.02, 0.05, 0.08, 0.14),
            "imagenet": levels(0.03, 0.06, 0.09, 0.17, 0.27),
            "inception": levels(0.04, 0.07, 0.10, 0.18, 0.28),
        },
    )

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:  # noqa: ARG002
        """Return (N, C, H, W) int32, halves of random words."""
        return keys.halves(math.prod(shape)).reshape(-1, *shape)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the values, black where the word is low, white where it is among the lower half of the low ones."""
        (amount,) = constants
        # Products with 0 and 1 are exact; on a CPU integers are several times as fast as booleans or a mask.
        kept = torch.ge(drawn, _word(amount), out=torch.empty_like(drawn))
        white = torch.lt(drawn, _word(amount / 2), out=torch.empty_like(drawn))
        return values.mul_(kept).add_(white)


def _word(share: float) -> int:
    """Return the signed half of a word below which lies this share of all, less than 1."""
    return int(share * 2.0**32) - 2**31
