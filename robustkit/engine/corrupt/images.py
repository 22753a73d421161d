"""Corrupted images of a plan, some samples at a time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.engine.corrupt.plan import CorruptionPlan
from robustkit.engine.degrade import condition_keys, degrade_or_blame
from robustkit.engine.device import numerics
from robustkit.engine.grid import Condition
from robustkit.engine.inputs import read_inputs


def read_levels(plan: CorruptionPlan, ids: NDArray[np.int64]) -> Tensor:
    """Return (N, C, H, W) uint8 images on the plan's device; floats are rounded.

    Raises:
        DataError: a sample cannot be read.
    """
    images = read_inputs(plan.dataset, ids, plan.device)
    assert isinstance(images, Tensor)
    return images if images.dtype == torch.uint8 else images.mul(255).round().to(torch.uint8)


def corrupt_images(
    plan: CorruptionPlan, condition: Condition, images: Tensor, ids: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return (N, H, W) grey or (N, H, W, C) images under a condition: those that an evaluation would generate.

    Args:
        plan: whose seed is used.
        condition: one of the plan's.
        images: (N, C, H, W) uint8.
        ids: (N,) their sample ids.

    Raises:
        PluginError: the perturbation fails.
    """
    keys = condition_keys(condition, plan.config.seed, torch.from_numpy(ids.copy()).to(plan.device))
    with numerics("fp32"):
        degraded = degrade_or_blame(condition, plan.built[condition.text], images, keys).inputs
    assert isinstance(degraded, Tensor)
    pixels: NDArray[np.uint8] = degraded.permute(0, 2, 3, 1).cpu().numpy()
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
