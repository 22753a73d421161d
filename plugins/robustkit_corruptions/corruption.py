"""What all corruptions share: severities, value ranges, quantisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.params import CorruptionParams, Published, published
from robustkit_corruptions.pixels import WHITE, from_values, to_values

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Group:
    """Samples of a batch that share a severity.

    Attributes:
        rows: which samples they are: positions, or a slice for all.
        constants: what the severity means, as `Constants.at` returns it.
        drawn: what `Corruption.draw` returned for them.
    """

    rows: Tensor | slice
    constants: Row
    drawn: Any


class Corruption(ABC):
    """A published corruption under robustkit's contract: `sample` draws, `apply` computes.

    A subclass says what it draws and how it degrades a batch of one severity; values go in and come out of that in
    `dtype`, from 0 to `scale`, and are clipped and quantised here.

    Attributes:
        constants: the published severity constants.
        dtype: in which the reference computes; uint8 for those that work on whole levels.
        scale: the value of white.
    """

    constants: ClassVar[Constants]
    dtype: ClassVar[torch.dtype] = torch.float64
    scale: ClassVar[int] = 1

    def __init__(self, params: CorruptionParams) -> None:
        self.params = params

    @abstractmethod
    def degrade(self, values: Tensor, drawn: Any, constants: Row) -> Tensor:
        """Return the degraded values, not yet clipped.

        Args:
            values: (N, C, H, W) in `dtype`, from 0 to `scale`. Floats are a new tensor that may be changed.
            drawn: what `draw` returned for these samples.
            constants: the row of their severity.
        """

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Any:  # noqa: ARG002 - most draw the same at all severities
        """Return all that does not depend on the images, for samples of one severity; nothing by default.

        Args:
            keys: one random key a sample.
            shape: (C, H, W) of the images.
            constants: the row of their severity. What is drawn from the keys may use a longer or shorter part of a
                stream at another severity, never another stream.
        """
        return None

    def profile(self, shape: Sequence[int]) -> Published:
        """Return the published set whose constants and peculiarities hold for images of this shape, (C, H, W)."""
        channels, height, width = shape
        return published(self.params, (channels, height, width))

    def sample(self, keys: Keys, shape: Shape, severity: Tensor) -> tuple[Group, ...]:
        """Return what does not depend on the images, by severity."""
        levels, which = torch.unique(severity, return_inverse=True)
        groups = []
        for place, level in enumerate(levels.tolist()):
            rows: Tensor | slice = slice(None) if len(levels) == 1 else (which == place).nonzero().flatten()
            constants = self.constants.at(self.profile(shape), level)
            groups.append(Group(rows, constants, self.draw(keys.rows(rows), shape, constants)))
        return tuple(groups)

    def apply(self, images: Tensor, draws: tuple[Group, ...]) -> Tensor:
        """Return the degraded images, as they are after storage if the parameters say so."""
        if len(draws) == 1:
            result = self._apply(images, draws[0])
        else:
            result = torch.empty_like(images)
            for group in draws:
                result[group.rows] = self._apply(images[group.rows], group)
        return _as_stored(result, self.params.storage_jpeg) if self.params.storage_jpeg else result

    def _apply(self, images: Tensor, group: Group) -> Tensor:
        values = to_values(images, self.dtype, self.scale)
        degraded = self.degrade(values, group.drawn, group.constants)
        return from_values(degraded, self.scale, images, self.params.mode)


def _as_stored(images: Tensor, quality: int) -> Tensor:
    """Return images as JPEG files of this quality hold them; floats are rounded to whole levels before."""
    # Imported here, because that module holds a subclass of the class above.
    from robustkit_corruptions.jpeg_compression import recompress

    levels = recompress(to_values(images, torch.uint8, WHITE), quality)
    return from_values(levels, WHITE, images, "fixed")
