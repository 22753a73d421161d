"""Whether pixels are what the rest of robustkit takes them for: finite, and in [0, 1] if they are floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.chunks import chunks
from robustkit.errors import DataError
from robustkit.protocols import ImageDataset

_ROUNDING = 1e-4
"""Floats that are no farther outside than that were meant to be in [0, 1]; no normalisation comes as close."""


def check_pixels(dataset: ImageDataset, ids: NDArray[np.int64]) -> None:
    """Raise unless the samples to be used hold uint8, or finite float32 in [0, 1].

    Costs one read of one sample for uint8; floats are streamed in chunks.

    Args:
        dataset: any image dataset.
        ids: the samples that will be used, at least one.

    Raises:
        DataError: with the count and the first sample id.
    """
    first, where = dataset.read(ids[:1]), source_of(dataset)
    if first.shape[1:] != dataset.view.shape or first.dtype not in (np.uint8, np.float32):
        raise DataError(
            f"{where}: expected images of shape {dataset.view.shape}, uint8 or float32; "
            f"got {first.shape[1:]}, {first.dtype}",
            "the dataset's read() must hand out what its view states",
        )
    if first.dtype == np.uint8:
        return
    found = _Findings()
    for part in chunks(ids, dataset.view.shape):
        found.add(dataset.read(part), part)
    found.report(where)


def source_of(dataset: ImageDataset) -> str:
    """Return where a dataset comes from, for messages; datasets of plugins need not say."""
    return str(getattr(dataset, "source", type(dataset).__name__))


@dataclass
class _Findings:
    low: float = np.inf
    high: float = -np.inf
    odd_samples: int = 0
    first_odd: int = -1
    first_outside: int = -1

    def add(self, images: NDArray[Any], ids: NDArray[np.int64]) -> None:
        values = images.reshape(len(images), -1)
        lows, highs = values.min(axis=1), values.max(axis=1)  # NaN and Inf carry over into one of the two
        odd = ~(np.isfinite(lows) & np.isfinite(highs))
        if odd.any():
            self.first_odd = self.first_odd if self.odd_samples else int(ids[odd][0])
            self.odd_samples += int(odd.sum())
        outside = ~odd & ((lows < 0) | (highs > 1))
        if outside.any() and self.first_outside < 0:
            self.first_outside = int(ids[outside][0])
        if not odd.all():
            self.low, self.high = min(self.low, float(lows[~odd].min())), max(self.high, float(highs[~odd].max()))

    def report(self, where: str) -> None:
        if self.odd_samples:
            raise DataError(
                f"{where}: expected finite pixels, got NaN or Inf in {self.odd_samples} samples, "
                f"the first with id {self.first_odd}",
                "repair these samples, or leave them out: 'eval' and 'show' take --indices",
            )
        if self.first_outside >= 0:
            raise DataError(
                f"{where}: expected float pixels in [0, 1], got {self.low:.8g}..{self.high:.8g}, "
                f"first outside in sample {self.first_outside}",
                range_hint(self.low, self.high),
            )


def range_hint(low: float, high: float) -> str:
    """Return what floats that leave [0, 1] may be, and what to do about it."""
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        return "rounding may have led out of the range: clip them to [0, 1]"
    if low < 0:
        return "they look normalised: save them before normalisation; the model's mean and std are given with the model"
    if high <= 255 and high > 2:
        return "they look like 0..255: divide them by 255, or save them as uint8"
    return "save them scaled to [0, 1]"
