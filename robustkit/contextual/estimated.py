"""Numbers that were estimated from random draws, with what the draws say about their error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """Utility or sensitivity of each feature of each sample, and how well it is known. Each is (N, G).

    Attributes:
        value: the estimate.
        error: its standard error over the draws; 0 where it is exact.
        halves: the estimates from the first and from the second half of the draws; the value twice where it is exact.
    """

    value: Tensor
    error: Tensor
    halves: tuple[Tensor, Tensor]


def exactly(value: Tensor) -> Estimated:
    """Return what is known without an error.

    Args:
        value: (N, G).
    """
    return Estimated(value=value, error=torch.zeros_like(value), halves=(value, value))


def mean_of(draws: Tensor) -> Estimated:
    """Return the mean over the draws.

    Args:
        draws: (K, N, G), K of 2 or more.
    """
    middle = len(draws) // 2
    error = draws.std(dim=0) / len(draws) ** 0.5
    return Estimated(value=draws.mean(dim=0), error=error, halves=(draws[:middle].mean(0), draws[middle:].mean(0)))


def root_mean_of(squares: Tensor) -> Estimated:
    """Return the root of the mean over the draws; its standard error is by the delta method.

    The root is biased low, since the root of a mean is above the mean of roots.

    Args:
        squares: (K, N, G), 0 or above, K of 2 or more.
    """
    mean = mean_of(squares)
    root = mean.value.sqrt()
    error = torch.where(root > 0, mean.error / (2 * root.where(root > 0, torch.ones_like(root))), 0.0)
    return Estimated(value=root, error=error, halves=(mean.halves[0].sqrt(), mean.halves[1].sqrt()))
