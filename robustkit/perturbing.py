"""Perturbing samples from Python: a batch in memory, its conditions by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from robustkit.host import Host, load_host

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Samples = TypeVar("Samples", "Tensor", "NDArray[Any]", "list[str]")


def perturb(
    images: Samples,
    conditions: str | Sequence[str],
    *,
    severity: float | Sequence[float] | Tensor | NDArray[Any] | None = None,
    seed: int = 0,
    ids: int | Sequence[int] | Tensor | NDArray[Any] | None = None,
    host: Host | None = None,
    include: Sequence[str | Path] = (),
) -> Samples:
    """Return the samples under perturbations, in the type, shape, dtype and on the device in which they came.

    What a sample becomes depends on its pixels, its condition, `seed` and its id alone, not on its batch, and is to the
    bit what `robustkit eval` and `robustkit corrupt` make of it. No global random generator is read or moved, and no
    gradient passes.

    Args:
        images: (C, H, W) or (N, C, H, W), torch or numpy, uint8 or float in [0, 1], any number of channels; or N texts
            for perturbations of texts. They stay as they are.
        conditions: what `-p` takes, one for all samples or one for each: `"fog:severity=3"`,
            `"corruptions/fog:profile=cifar"`.
        severity: one number for all samples or one for each, instead of those in `conditions`; 0 leaves a sample as it
            is, and numbers between the published severities are allowed.
        seed: root of the random numbers; `--seed` of the commands.
        ids: of the samples, from which their random numbers follow; by default 0 to N-1. For samples of a dataset,
            their places in it.
        host: the plugins; by default all that are installed, and those in `include`. In a loop, one
            `robustkit.load_host()` before it saves some milliseconds a call.
        include: Python files with plugins.

    Raises:
        ConfigError: an unknown name or parameter, a severity off the scale, or images too small for the perturbation.
        DataError: no images: a wrong shape or dtype, values outside [0, 1], NaN, channels that come last.
        PluginError: a perturbation fails, or lacks files that it needs.

    >>> import numpy as np
    >>> images = np.full((2, 3, 32, 32), 100, dtype=np.uint8)
    >>> foggy = perturb(images, "fog:severity=3")
    >>> foggy.shape, foggy.dtype, bool((foggy == images).all())
    ((2, 3, 32, 32), dtype('uint8'), False)
    >>> alone = perturb(images[1], "fog:severity=3", ids=1)
    >>> mixed = perturb(images, ["contrast", "fog"], severity=[0, 3])
    >>> bool((alone == foggy[1]).all()), bool((mixed[1] == foggy[1]).all()), bool((mixed[0] == images[0]).all())
    (True, True, True)
    """
    from robustkit.engine.perturb_given import perturb_given

    host = host or load_host(include=include)
    found: Samples = perturb_given(images, conditions, severity=severity, seed=seed, ids=ids, host=host)
    return found
