"""Feature bases: what counts as one feature of an input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from robustkit.errors import ConfigError, DataError


class FeatureBasis(Protocol):
    """What counts as one feature: each feature is an orthogonal projection P_g of an input's values.

    Any object with these four will do; `robustkit.testing.check_basis` says whether it keeps the contract. Where the
    projections add up to the identity, squares of utilities and of sensitivities add up to those of the whole input.
    """

    @property
    def name(self) -> str:
        """What a feature is, for reports: `value`, `pixel`, `patch 4`, `fourier 8`."""
        ...

    @property
    def size(self) -> int:
        """How many features there are: G."""
        ...

    def energy(self, values: Tensor) -> Tensor:
        """Return (N, G): ||P_g v||^2 for each feature.

        Args:
            values: (N, ...), one tensor like an input for each of N samples.
        """
        ...

    def project(self, values: Tensor, feature: int) -> Tensor:
        """Return P_g v, like `values`.

        Args:
            values: (N, ...).
            feature: 0..G - 1.
        """
        ...


@dataclass(frozen=True, eq=False)
class Partition:
    """The `FeatureBasis` whose features are sets of an input's values, the same for all inputs.

    Attributes:
        name: what a feature is, for reports: `value`, `pixel`, `patch 4`.
        index: the shape of one input, int64: which feature each value belongs to.
        size: how many features there are; each has at least one value.

    Raises:
        ConfigError: `index` is not such a partition.
    """

    name: str
    index: Tensor
    size: int

    def __post_init__(self) -> None:
        if self.index.dtype != torch.int64 or torch.unique(self.index).tolist() != list(range(self.size)):
            raise ConfigError(
                f"basis '{self.name}': expected an int64 index with all of 0..{self.size - 1}, got {self.index.dtype} "
                f"from {int(self.index.min())} to {int(self.index.max())}",
                "number the features from 0 without a gap",
            )

    def total(self, values: Tensor) -> Tensor:
        """Return (N, size): the sum of the values of each feature.

        Args:
            values: (N, *index.shape).

        Raises:
            DataError: values of another shape.

        >>> pixel_basis((2, 1, 2)).total(torch.tensor([[[[1.0, 2.0]], [[10.0, 20.0]]]])).tolist()
        [[11.0, 22.0]]
        """
        if values.shape[1:] != self.index.shape:
            raise DataError(
                f"basis '{self.name}' is for inputs of shape {tuple(self.index.shape)}, got {tuple(values.shape[1:])}",
                "make the basis for the shape of the inputs",
            )
        padded = functional.pad(values.flatten(1), (0, 1))
        return padded[:, self._members.to(values.device)].sum(dim=2)

    @cached_property
    def _members(self) -> Tensor:
        """(size, most) positions of each feature's values; behind the last value where a feature has fewer.

        A table to gather by, since scattered sums differ in their last bits from run to run on a GPU.
        """
        flat = self.index.flatten().cpu()
        order = flat.argsort(stable=True)
        counts = torch.bincount(flat)
        column = torch.arange(len(flat)) - (counts.cumsum(0) - counts)[flat[order]]
        table = torch.full((self.size, int(counts.max())), len(flat))
        table[flat[order], column] = order
        return table

    def energy(self, values: Tensor) -> Tensor:
        """Return (N, size): the sum of the squares of each feature's values."""
        return self.total(values.square())

    def project(self, values: Tensor, feature: int) -> Tensor:
        """Return the values of one feature, 0 elsewhere."""
        return values * (self.index.to(values.device) == feature)

    def spread(self, features: Tensor) -> Tensor:
        """Return (N, *index.shape): what is said of each feature, at each of its values; a mask becomes a mask.

        Args:
            features: (N, size).

        >>> pixel_basis((2, 1, 2)).spread(torch.tensor([[True, False]])).tolist()
        [[[[True, False]], [[True, False]]]]
        """
        return features[:, self.index.to(features.device)]


def value_basis(shape: tuple[int, ...]) -> Partition:
    """Return the basis in which each value is a feature of its own: for images, each channel of each pixel.

    >>> value_basis((3, 2, 2)).size
    12
    """
    size = math.prod(shape)
    return Partition("value", torch.arange(size).reshape(shape), size)


def pixel_basis(shape: tuple[int, int, int]) -> Partition:
    """Return the basis in which all channels of a pixel together are a feature.

    Args:
        shape: (C, H, W) of one image.
    """
    return Partition("pixel", _squares(shape, 1), shape[1] * shape[2])


def patch_basis(shape: tuple[int, int, int], side: int) -> Partition:
    """Return the basis of square patches, all channels together, row by row from the top left.

    Where `side` does not divide the image, the patches at the right and the bottom are cut off.

    Args:
        shape: (C, H, W) of one image.
        side: of a patch, in pixels.

    Raises:
        ConfigError: the side is below 1.

    >>> patch_basis((1, 4, 3), 2).index.tolist()
    [[[0, 0, 1], [0, 0, 1], [2, 2, 3], [2, 2, 3]]]
    """
    if side < 1:
        raise ConfigError(f"patch basis: expected a side of 1 or more pixels, got {side}", "4 is a common choice")
    index = _squares(shape, side)
    return Partition(f"patch {side}", index, int(index.max()) + 1)


def make_basis(feature: Literal["value", "pixel", "patch"], shape: tuple[int, int, int], side: int) -> Partition:
    """Return the basis that parameters name: what a feature is, and the side of a patch.

    Args:
        feature: `value`, `pixel` or `patch`.
        shape: (C, H, W) of one image.
        side: of a patch, in pixels; without effect for the others.

    Raises:
        ConfigError: the side of a patch is below 1.

    >>> [make_basis(feature, (3, 4, 4), 2).size for feature in ("pixel", "patch")]
    [16, 4]
    """
    if feature == "patch":
        return patch_basis(shape, side)
    return pixel_basis(shape) if feature == "pixel" else value_basis(shape)


def _squares(shape: tuple[int, int, int], side: int) -> Tensor:
    channels, height, width = shape
    rows, columns = torch.arange(height) // side, torch.arange(width) // side
    return (rows[:, None] * math.ceil(width / side) + columns).expand(channels, height, width).contiguous()
