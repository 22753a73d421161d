"""glass-blur."""

from __future__ import annotations

from math import nan

import torch
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.gaussian_blur import smooth
from robustkit_corruptions.pixels import WHITE, divide_

_QUARTER, _MASK = 16, 0xFFFF


class GlassBlur(Corruption):
    """Blurs, moves pixels about within a small window, and blurs again.

    Pixels move by whole pixels: severities below 1 are severity 1, and above, window and iterations are those of the
    next whole severity.

    reference: the published programs mean to exchange two pixels, but copy one over the other: the exchange works on
    views of the same array. They truncate to whole levels between the blurs. fixed: pixels are exchanged, and nothing
    is truncated between.
    """

    constants = Constants(
        names=("sigma", "delta", "iterations"),
        identity=(nan, nan, nan),
        rules=("linear", "step", "step"),
        tables={
            "cifar": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
            "tiny-imagenet": ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
            "imagenet": ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
            "inception": ((0.8, 1, 3), (1, 3, 1), (1.1, 2, 4), (1.2, 4, 2), (1.6, 5, 2)),
        },
    )

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:
        """Return (N, H W) int64: from which pixel each one comes."""
        _, delta, iterations = (int(value) for value in constants)
        height, width = shape[1:]
        halves = keys.halves(iterations * height * width).reshape(-1, iterations, height, width)
        sources = neighbours(halves, delta)
        return exchanged(sources) if self.params.mode == "fixed" else copied(sources)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the values as through glass; any number of channels."""
        sigma = constants[0]
        blurred = smooth(values, (sigma, sigma))
        if self.params.mode == "reference":
            divide_(blurred.clamp_(0, 1).mul_(WHITE).floor_(), WHITE)
        sources = drawn[:, None].expand(-1, values.shape[1], -1)
        moved = blurred.flatten(2).gather(2, sources).reshape(values.shape)
        return smooth(moved, (sigma, sigma))


def neighbours(halves: Tensor, delta: int) -> Tensor:
    """Return (N, iterations, H, W) int64: for each pixel, which one it is to get, as positions in raster order.

    Args:
        halves: (N, iterations, H, W) int32, halves of random words; the upper 16 bits of each decide the step along the
            width, the lower that along the height, both from -delta to delta - 1. Where 2 delta is no power of two, the
            chance of a step is off by less than 2**-16.
        delta: pixels from row and column 0 to delta, and in the last delta - 1 rows and columns, stay as they are.
    """
    height, width = halves.shape[2:]
    right = ((halves >> _QUARTER) & _MASK).mul_(2 * delta).bitwise_right_shift_(_QUARTER).sub_(delta)
    down = (halves & _MASK).mul_(2 * delta).bitwise_right_shift_(_QUARTER).sub_(delta)
    inside = torch.zeros(height, width, dtype=torch.int32, device=halves.device)
    inside[delta + 1 : height - delta + 1, delta + 1 : width - delta + 1] = 1
    own = torch.arange(height * width, device=halves.device).view(height, width)
    # Products with 0 and 1 are several times as fast on a CPU as a choice by mask.
    return down.mul_(width).add_(right).mul_(inside).to(torch.int64).add_(own)


def copied(sources: Tensor) -> Tensor:
    """Return (N, H W), from which pixel each one comes if, from the last to the first, each takes a neighbour's value.

    All pixels are done at once. A neighbour further on has changed already if it takes a value itself: then what counts
    is where that one comes from. Pointers to such neighbours are doubled until all point to the end of their chain.

    Args:
        sources: (N, iterations, H, W) as `neighbours` returns them.
    """
    own = torch.arange(sources[0, 0].numel(), device=sources.device)
    index = own.expand(len(sources), -1)
    for taken in sources.flatten(2).unbind(1):
        index = index.gather(1, taken.gather(1, _ends(torch.maximum(taken, own))))
    return index


def _ends(pointers: Tensor) -> Tensor:
    while True:
        doubled = pointers.gather(1, pointers)
        if torch.equal(doubled, pointers):
            return pointers
        pointers = doubled


def exchanged(sources: Tensor) -> Tensor:
    """Return what `copied` does, with the two pixels exchanged, one after the other: order matters throughout."""
    places = range(sources[0, 0].numel() - 1, -1, -1)
    found = []
    for sample in sources.flatten(2).flip(2).tolist():
        index = list(range(len(places)))
        for neighbour in sample:
            for place, source in zip(places, neighbour, strict=True):
                index[place], index[source] = index[source], index[place]
        found.append(index)
    return torch.tensor(found, device=sources.device)
