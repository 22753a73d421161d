"""Applies one perturbation to one batch, and holds the plugin to its contract."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from robustkit.engine.seeds import Keys
from robustkit.errors import PluginError
from robustkit.protocols import ImagePerturbation

_BLOCK = {"cpu": 32 * 3 * 32 * 32}
"""Values that are perturbed together, by kind of device: on a CPU what its cache holds, in float64."""

_LARGE_BLOCK = 1 << 26

_SHARED = 1 << 21
"""Values up to which eight images are perturbed together though no cache holds them."""


def perturb(perturbation: ImagePerturbation, images: Tensor, keys: Keys, severity: Tensor | float) -> Tensor:
    """Return the degraded batch; where the severity is 0 a sample is returned as it is.

    The result for a sample does not depend on its batch, so large batches are worked off in blocks.

    Args:
        perturbation: the implementation.
        images: (N, C, H, W), uint8, or float in [0, 1].
        keys: one key a sample.
        severity: one number, or (N,) one a sample.

    Raises:
        PluginError: the result has another shape, dtype or device, or leaves [0, 1].
    """
    levels = torch.as_tensor(severity, dtype=torch.float64, device=images.device).expand(len(images))
    active = levels > 0
    result = torch.empty_like(images) if bool(active.all()) else images.clone()
    for block in _blocks(images):
        rows = block if bool(active[block].all()) else active[block].nonzero().flatten() + block.start
        if len(levels[rows]):
            result[rows] = _checked(perturbation, images[rows], keys.rows(rows), levels[rows])
    return result


def _blocks(images: Tensor) -> list[slice]:
    numbers = max(1, images.shape[1:].numel())
    # Some large images share the costs that do not grow with them.
    size = max(_BLOCK.get(images.device.type, _LARGE_BLOCK) // numbers, min(8, _SHARED // numbers), 1)
    return [slice(start, start + size) for start in range(0, len(images), size)]


def _checked(perturbation: ImagePerturbation, images: Tensor, keys: Keys, levels: Tensor) -> Tensor:
    channels, height, width = images.shape[1:]
    draws = perturbation.sample(keys, (channels, height, width), levels)
    result = perturbation.apply(images, draws)
    what = type(perturbation).__name__
    advice = "this is a defect of the plugin; robustkit.testing.check_perturbation shows it"
    if _form(result) != _form(images):
        raise PluginError(f"perturbation {what} must return {_form(images)}, got {_form(result)}", advice)
    if result.is_floating_point() and not bool(((result >= 0) & (result <= 1)).all()):
        raise PluginError(f"perturbation {what} returned values outside [0, 1] or NaN", advice)
    return result


def _form(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{tuple(value.shape)} {value.dtype} on {value.device}"
