"""Features of an image that follow its edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit.errors import ConfigError, DataError

_TO_CENTRE = 1e-4
"""What it costs a border to be a pixel off its place: ties, as in images without edges, go to the regular grid."""


@dataclass(frozen=True, eq=False)
class SamplePartition:
    """The `FeatureBasis` whose features are sets of values, others for each of N inputs.

    Attributes:
        name: what a feature is, for reports: `superpixel 4`.
        index: (N, ...) int64, the shape of the inputs: which feature each value belongs to.
        size: how many features each input has.
    """

    name: str
    index: Tensor
    size: int

    def total(self, values: Tensor) -> Tensor:
        """Return (N, size): the sum of the values of each feature.

        Args:
            values: (N, ...), of the N inputs that the basis was made for.

        Raises:
            DataError: values of other inputs.
        """
        if values.shape != self.index.shape:
            raise DataError(
                f"basis '{self.name}' is for {len(self.index)} inputs of shape {tuple(self.index.shape[1:])}, got "
                f"{tuple(values.shape)}",
                "make the basis for these inputs: its features differ from input to input",
            )
        sums = [self.project(values, feature).flatten(1).sum(dim=1) for feature in range(self.size)]
        return torch.stack(sums, dim=1)

    def energy(self, values: Tensor) -> Tensor:
        """Return (N, size): the sum of the squares of each feature's values."""
        return self.total(values.square())

    def project(self, values: Tensor, feature: int) -> Tensor:
        """Return the values of one feature of each input, 0 elsewhere."""
        return values * (self.index.to(values.device) == feature)


def superpixel_basis(images: Tensor, side: int) -> SamplePartition:
    """Return the basis of superpixels of each image: a grid whose borders follow the edges, all channels together.

    After Moore et al. (2008), Superpixel lattices: between columns (and between rows) of a regular grid runs the path
    of the highest contrast, found by dynamic programming within a strip. Every image has as many superpixels, in the
    same arrangement, and none is empty, so that they compare between images. robustkit's choices: contrast is the
    length of the difference of neighbouring pixels, paths are found apart from each other, and strips do not meet.

    Args:
        images: (N, C, H, W).
        side: mean side of a superpixel, in pixels; with 1 or 2 there is no room for a border to move.

    Raises:
        ConfigError: the side is below 1.

    >>> superpixel_basis(torch.zeros(1, 1, 4, 4), 2).index[0].tolist()
    [[[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]]
    """
    if side < 1:
        raise ConfigError(f"superpixel basis: expected a side of 1 or more pixels, got {side}", "4 is a common choice")
    values = images.detach().double()
    columns, rows = _strips(values, side), _strips(values.transpose(2, 3), side).transpose(1, 2)
    across = -(-images.shape[3] // side)
    index = (rows * across + columns)[:, None].expand(images.shape).contiguous()
    return SamplePartition(f"superpixel {side}", index, across * -(-images.shape[2] // side))


def _strips(images: Tensor, side: int) -> Tensor:
    """Return (N, H, W) int64: how many vertical borders lie to the left of each pixel, or on its left edge."""
    n, _, height, width = images.shape
    centres = torch.tensor(range(side, width, side), dtype=torch.int64, device=images.device)
    reach = (side - 1) // 2
    places = centres[:, None] + torch.arange(-reach, reach + 1, device=images.device)  # (borders, 2 reach + 1)
    if not len(centres):
        return torch.zeros(n, height, width, dtype=torch.int64, device=images.device)
    contrast = (images[..., 1:] - images[..., :-1]).norm(dim=1)  # (N, H, W - 1): left of pixel 1, 2 …
    gain = contrast[:, :, places.clamp(max=width - 1) - 1] - _TO_CENTRE * (places - centres[:, None]).abs()
    path = places[:, 0] + _best_path(gain.masked_fill(places >= width, -torch.inf))  # (N, H, borders)
    return (path[..., None] <= torch.arange(width, device=images.device)).sum(dim=2)


def _best_path(gain: Tensor) -> Tensor:
    """Return (N, H, borders): where the path of the highest total gain is in each row; it moves by one at most.

    Args:
        gain: (N, H, borders, places).
    """
    least = torch.full_like(gain[:, 0, :, :1], -torch.inf)
    total, came = gain[:, 0], []
    for row in gain.unbind(1)[1:]:
        # Straight on comes first: of equals it is taken.
        before = torch.stack([total, torch.cat([least, total[..., :-1]], -1), torch.cat([total[..., 1:], least], -1)])
        best, step = before.max(dim=0)
        came.append(torch.tensor([0, -1, 1], device=gain.device)[step])
        total = best + row
    path = [total.argmax(dim=-1)]
    for step in reversed(came):
        path.append(path[-1] + step.gather(-1, path[-1][..., None])[..., 0])
    return torch.stack(path[::-1], dim=1)
