"""Work on large tensors in pieces that the processor's cache holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

_CACHED = 1 << 16
"""Values of a piece on a CPU: 512 KB in float64, which leaves room for a result in a cache of 1 MB."""


_RUN = 1 << 15
"""Numbers that are passed over again and again: three times 256 KB."""


def runs(count: int, numbers: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where to go in each of `count` rows of `numbers` numbers, so that the cache holds the parts.

    >>> list(runs(1, 70_000))
    [(0, 32768), (32768, 65536), (65536, 70000)]
    """
    size = max(1, _RUN // count)
    return ((start, min(start + size, numbers)) for start in range(0, numbers, size))


def by_planes(values: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what `compute` makes of (N, C, H, W) values, given some planes of them at a time.

    Args:
        values: any device; where it is not the CPU, all planes go at once.
        compute: from (P, 1, H, W) to the same shape, each plane on its own.
    """
    return _in_pieces(values.flatten(0, 1)[:, None], compute, _CACHED).view_as(values)


def by_images(values: Tensor, compute: Callable[..., Tensor], *others: Tensor) -> Tensor:
    """Return what `compute` makes of (N, C, H, W) values, given some images of them at a time.

    Args:
        values: any device; where it is not the CPU, all images go at once.
        compute: from (P, C, H, W) to the same shape, each image on its own.
        others: (N, …); `compute` gets their rows for these images after the values.
    """
    return _in_pieces(values, compute, 2 * _CACHED, *others)


def _in_pieces(values: Tensor, compute: Callable[..., Tensor], numbers: int, *others: Tensor) -> Tensor:
    size = max(1, numbers // max(1, values.shape[1:].numel()))
    if values.device.type != "cpu" or size >= len(values):
        return compute(values, *others).contiguous()
    found = torch.empty_like(values)
    for start in range(0, len(values), size):
        rows = slice(start, start + size)
        found[rows] = compute(values[rows], *(other[rows] for other in others))
    return found
