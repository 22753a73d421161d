"""The Linf ball around a batch, to the last bit."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit import ConfigError, ThreatModel


def linf_ball(inputs: Tensor, threat_model: ThreatModel) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest value that each value of an input may take.

    Both are rounded inwards to the dtype of `inputs`, so that whatever lies between them is inside eps and inside the
    bounds exactly, and the inputs themselves always do.

    Args:
        inputs: (N, …) float within the threat model's bounds.
        threat_model: an Linf one.

    Returns:
        Two tensors like `inputs`.

    Raises:
        ConfigError: the threat model has another norm.
    """
    if threat_model.norm != "linf":
        raise ConfigError(f"norm: expected linf, got {threat_model.norm}", "use an attack that lists this norm")
    exact = inputs.to(torch.float64)
    lowest = (exact - threat_model.eps).clamp(min=threat_model.low)
    highest = (exact + threat_model.eps).clamp(max=threat_model.high)
    return -_round_down(-lowest, inputs.dtype), _round_down(highest, inputs.dtype)


def _round_down(values: Tensor, dtype: torch.dtype) -> Tensor:
    nearest = values.to(dtype)
    below = torch.nextafter(nearest, torch.full_like(nearest, -torch.inf))
    return torch.where(nearest.to(torch.float64) > values, below, nearest)
