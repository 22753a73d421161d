"""glass-blur."""

from __future__ import annotations

from functools import lru_cache
from math import nan

import torch
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.gaussian_blur import smooth

_WHITE = 255


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
        offsets = keys.uniform(iterations, *shape[1:], 2).mul_(2 * delta).floor_().to(torch.int64) - delta
        steps = window(offsets, delta)
        if self.params.mode == "fixed":
            return exchanged(steps, shape, delta)
        return (copied if keys.device.type == "cpu" else copied_in_parallel)(steps, shape, delta)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the values as through glass; any number of channels."""
        sigma = constants[0]
        blurred = smooth(values, (sigma, sigma))
        if self.params.mode == "reference":
            blurred = blurred.clamp_(0, 1).mul_(_WHITE).floor_().div_(_WHITE)
        sources = drawn[:, None].expand(-1, values.shape[1], -1)
        moved = blurred.flatten(2).gather(2, sources).reshape(values.shape)
        return smooth(moved, (sigma, sigma))


def window(offsets: Tensor, delta: int) -> Tensor:
    """Return (N, iterations, P) int64: by how much the source of each visited pixel is further on in raster order.

    Args:
        offsets: (N, iterations, H, W, 2) int64, steps along W and along H.
        delta: pixels nearer than that to the upper or left edge, and one fewer to the others, are not visited.
    """
    inner = offsets[:, :, delta + 1 : offsets.shape[2] - delta + 1, delta + 1 : offsets.shape[3] - delta + 1]
    # The programs go from the last pixel to the first.
    return (inner[..., 1] * offsets.shape[3] + inner[..., 0]).flatten(2).flip(2)


@lru_cache(maxsize=16)
def visited(height: int, width: int, delta: int) -> Tensor:
    """Return (P,) int64, the pixels that are visited, in raster order from the last to the first; perhaps none."""
    rows, columns = range(height - delta, delta, -1), range(width - delta, delta, -1)
    return torch.tensor([row * width + column for row in rows for column in columns], dtype=torch.int64)


def copied(steps: Tensor, shape: Shape, delta: int) -> Tensor:
    """Return (N, H W), from which pixel each one comes if pixels are visited one by one and each takes a neighbour's.

    Args:
        steps: (N, iterations, P) as `window` returns them.
        shape: (C, H, W).
        delta: as for `window`.
    """
    targets = visited(*shape[1:], delta)
    places = targets.tolist()
    found = []
    for sample in (targets + steps).tolist():
        index = list(range(shape[1] * shape[2]))
        for sources in sample:
            for place, source in zip(places, sources, strict=True):
                index[place] = index[source]
        found.append(index)
    return torch.tensor(found, device=steps.device)


def exchanged(steps: Tensor, shape: Shape, delta: int) -> Tensor:
    """Return what `copied` does, with the two pixels exchanged at each visit."""
    targets = visited(*shape[1:], delta)
    places = targets.tolist()
    found = []
    for sample in (targets + steps.cpu()).tolist():
        index = list(range(shape[1] * shape[2]))
        for sources in sample:
            for place, source in zip(places, sources, strict=True):
                index[place], index[source] = index[source], index[place]
        found.append(index)
    return torch.tensor(found, device=steps.device)


def copied_in_parallel(steps: Tensor, shape: Shape, delta: int) -> Tensor:
    """Return what `copied` does, with all pixels at once.

    A visited pixel's parent is its source. Where the source was visited before, its new value is what counts, that is
    its own parent's; roots are pixels whose value before the pass counts. Pointers to parents are doubled until all
    point to roots.
    """
    targets = visited(*shape[1:], delta).to(steps.device)
    pixels = shape[1] * shape[2]
    order = torch.full((pixels,), len(targets), device=steps.device)
    order[targets] = torch.arange(len(targets), device=steps.device)
    index = torch.arange(pixels, device=steps.device).expand(len(steps), -1)
    for each in steps.unbind(1):
        sources = targets + each
        later = order[sources] >= torch.arange(len(targets), device=steps.device)
        # Nodes: a pixel's value after its visit, and, behind these, its value before the pass.
        parents = torch.arange(2 * pixels, device=steps.device).repeat(len(steps), 1)
        parents[:, :pixels] += pixels
        parents[:, targets] = torch.where(later, sources + pixels, sources)
        parents = _roots(parents)
        index = index.gather(1, parents[:, :pixels] - pixels)
    return index


def _roots(parents: Tensor) -> Tensor:
    # The longest chain has as many links as there are nodes, so that this many doublings always suffice.
    for _ in range(parents.shape[1].bit_length()):
        doubled = parents.gather(1, parents)
        if torch.equal(doubled, parents):
            break
        parents = doubled
    return parents
