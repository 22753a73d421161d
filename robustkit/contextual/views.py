"""Features of low and of high utility, for views that perturb the one or the other."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit.errors import ConfigError


def select_features(utility: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return two (N, G) bool masks: the features of lowest and of highest utility, k of each, never the same.

    k is `fraction` of G, rounded, at least 1. Ties go by the index: of equal features the first count as lower, the
    last as higher; a model that is blind to its input gets the first k and the last k features, not random ones. No
    gradient flows to what the utility was computed from.

    Args:
        utility: (N, G).
        fraction: in (0, 0.5].

    Raises:
        ConfigError: a fraction outside (0, 0.5], or fewer than two features.

    >>> low, high = select_features(torch.tensor([[3.0, 1.0, 2.0, 4.0]]), 0.25)
    >>> low.tolist(), high.tolist()
    ([[False, True, False, False]], [[False, False, False, True]])
    """
    n, size = utility.shape
    if not 0 < fraction <= 0.5 or size < 2:
        raise ConfigError(
            f"expected a fraction in (0, 0.5] of at least 2 features, got {fraction} of {size}",
            "lower the fraction, or take smaller patches",
        )
    count = min(max(1, round(fraction * size)), size // 2)
    order = utility.detach().argsort(dim=1, stable=True)
    low, high = (torch.zeros(n, size, dtype=torch.bool, device=utility.device) for _ in range(2))
    return low.scatter_(1, order[:, :count], True), high.scatter_(1, order[:, size - count :], True)
