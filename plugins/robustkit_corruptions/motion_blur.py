"""motion-blur, and the smearing along a line that snow contains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.pieces import by_planes, runs
from robustkit_corruptions.pixels import divide_

_QUANTA = 257


class MotionBlur(Corruption):
    """Averages along a line from each pixel, with weights that fall off as half a normal density.

    The line has an angle of -45 to 45 degrees. Pixels outside repeat the edge. At severities below 1 the line is that
    of severity 1, with weights nearer to the pixel.

    reference: imagecorruptions ends the line where it becomes longer than the image, without making up for the weights
    that are lost, and truncates. The other sets were made with ImageMagick, which keeps the whole line and rounds; see
    `smear_by_imagemagick`. fixed: whole lines, rounded once.
    """

    constants = Constants(
        names=("radius", "sigma"),
        identity=(1, 0.05),
        rules=("step", "linear"),
        tables={
            "cifar": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
            "tiny-imagenet": ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
            "imagenet": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
            "inception": ((12, 4), (17, 6), (17, 9), (17, 13), (22, 16)),
        },
    )
    scale = 255

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:  # noqa: ARG002
        """Return (N,) float64, each line's angle in degrees."""
        return keys.uniform().mul_(90).sub_(45)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the smeared values; any number of channels."""
        radius, sigma = constants
        reference = self.params.mode == "reference"
        ported = self.profile(values.shape[1:]) == "imagecorruptions"
        if reference and not ported:
            return smear_by_imagemagick(values, int(radius), sigma, drawn)
        return smear(values, int(radius), sigma, drawn, cut=reference)


class Line(NamedTuple):
    """What is averaged: weights, and how far each tap lies down and to the right."""

    weights: list[float]
    down: list[int]
    right: list[int]


def line(radius: int, sigma: float, angle: float) -> Line:
    """Return the line of a motion blur.

    Args:
        radius: its length is 2 radius + 1 pixels.
        sigma: standard deviation of the weights, in pixels.
        angle: in degrees; 0 is to the left of the pixel, 90 above it.

    >>> line(1, 1.0, 0.0).right
    [0, 1, 2]
    """
    width = 2 * radius + 1
    down, right = width * np.sin(np.deg2rad(angle)), width * np.cos(np.deg2rad(angle))
    length, taps = math.hypot(down, right), np.arange(width)
    return Line(
        weights=_weights(width, sigma),
        down=np.ceil(taps * down / length - 0.5).astype(int).tolist(),
        right=np.ceil(taps * right / length - 0.5).astype(int).tolist(),
    )


@lru_cache(maxsize=64)
def _weights(width: int, sigma: float) -> list[float]:
    density = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    weights: list[float] = (density / np.sum(density)).tolist()
    return weights


def smear(
    fields: Tensor, radius: int, sigma: float, angles: Tensor, *, cut: bool, sums: torch.dtype = torch.float64
) -> Tensor:
    """Return fields averaged along lines, in the dtype of the sums.

    Args:
        fields: (N, C, H, W) float64.
        radius: as for `line`.
        sigma: as for `line`.
        angles: (N,), in degrees.
        cut: whether a line ends where it has become longer than the field, and its other weights are lost.
        sums: to what the sum is rounded after each tap: float64 or float32.
    """
    lines = [
        _cut(line(radius, sigma, angle), fields.shape[2:]) if cut else line(radius, sigma, angle)
        for angle in angles.tolist()
    ]
    if fields.device.type != "cpu":
        return _gathered(fields, lines, sums)
    return torch.cat([_along(each, field[None], sums) for each, field in zip(lines, fields, strict=True)])


def smear_by_imagemagick(fields: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Return whole levels, averaged along lines as `MagickMotionBlurImage` and the writing of a PNG file leave them.

    ImageMagick adds up quanta of 16 bits, 257 to a level, in single precision, and rounds halves up, to a quantum and
    then to a level. Measured on photographs and noise with wand 0.7.2 and ImageMagick 6.9.7-4 Q16 (of January 2017,
    without HDRI, on x86-64): no value differs. Since 6.9.10-69 (October 2019, after the published sets) the writer of
    PNG files truncates to levels: with 6.9.11-60 Q16 nearly every other value is one level darker than here.

    Args:
        fields: (N, C, H, W) float64 in 0..255.
        radius: as for `line`.
        sigma: as for `line`.
        angles: (N,), in degrees.
    """
    quanta = smear(fields * _QUANTA, radius, sigma, angles, cut=False, sums=torch.float32).add_(0.5).floor_()
    return divide_(quanta.to(torch.float64), _QUANTA).add_(0.5).floor_()


def _cut(whole: Line, shape: torch.Size) -> Line:
    for tap, (down, right) in enumerate(zip(whole.down, whole.right, strict=True)):
        if abs(down) >= shape[0] or abs(right) >= shape[1]:
            return Line(weights=whole.weights[:tap], down=whole.down[:tap], right=whole.right[:tap])
    return whole


def _along(path: Line, field: Tensor, sums: torch.dtype) -> Tensor:
    """Return one (1, C, H, W) field averaged along a line, tap by tap in views of the padded field."""
    top, bottom = max(0, -min(path.down)), max(0, *path.down)
    left, right = max(0, -min(path.right)), max(0, *path.right)
    height, width = field.shape[2:]

    def averaged(planes: Tensor) -> Tensor:
        # All of a padded plane is one run of numbers, in which each tap is an offset: contiguous memory. One row more,
        # as the last row's taps reach beyond it.
        padded = functional.pad(planes, (left, right, top, bottom + 1), mode="replicate")
        flat, stride = padded.flatten(1).numpy(), padded.shape[3]
        numbers = height * stride
        total = torch.zeros(len(planes), numbers, dtype=torch.float64)
        for start, end in runs(len(planes), numbers):
            part = total.numpy()[:, start:end]
            product, single = np.empty(part.shape), np.empty(part.shape, dtype=np.float32)
            for weight, down, across in zip(*path, strict=True):
                shift = (top + down) * stride + left + across
                np.multiply(flat[:, start + shift : end + shift], weight, out=product)
                np.add(part, product, out=part)
                if sums == torch.float32:
                    # There and back is faster than a sum of two precisions.
                    single[...] = part
                    part[...] = single
        return total.view(len(planes), 1, height, stride)[..., :width].to(sums)

    return by_planes(field, averaged)


def _gathered(fields: Tensor, lines: list[Line], sums: torch.dtype) -> Tensor:
    """Return what `_along` does for all samples at once, on any device."""
    device = fields.device
    weights = _padded([path.weights for path in lines], torch.float64, device)
    down, right = (_padded(steps, torch.int64, device) for steps in zip(*[path[1:] for path in lines], strict=True))
    n, _, height, width = fields.shape
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    samples = torch.arange(n, device=device)[:, None, None]
    result = torch.zeros_like(fields.movedim(1, 3), dtype=sums)
    for tap in range(weights.shape[1]):
        below = (rows + down[:, tap, None]).clamp(0, height - 1)
        beside = (columns + right[:, tap, None]).clamp(0, width - 1)
        chosen = fields.movedim(1, 3)[samples, below[:, :, None], beside[:, None, :]]
        result = (result + chosen * weights[:, tap, None, None, None]).to(sums)
    return result.movedim(3, 1)


def _padded(rows: Sequence[Sequence[float]], dtype: torch.dtype, device: torch.device) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=dtype, device=device)
