"""motion-blur, and the smearing along a line that snow contains."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape


class MotionBlur(Corruption):
    """Averages along a line from each pixel, with weights that fall off as half a normal density.

    The line has an angle of -45 to 45 degrees. Pixels outside repeat the edge.

    reference: imagecorruptions ends the line where it becomes longer than the image, without making up for the weights
    that are lost, and truncates; the other sets were made with ImageMagick, which rounds each value and repeats the
    edge. fixed: whole lines.
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
        ported = self.profile(values.shape[1:]) == "imagecorruptions"
        smeared = smear(values, int(radius), sigma, drawn, cut=ported and self.params.mode == "reference")
        return smeared if ported else smeared.round_()


_CACHED = 1 << 16


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
    density = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    weights: list[float] = (density / np.sum(density)).tolist()
    down, right = width * np.sin(np.deg2rad(angle)), width * np.cos(np.deg2rad(angle))
    length = math.hypot(down, right)
    return Line(
        weights=weights,
        down=[math.ceil(tap * down / length - 0.5) for tap in range(width)],
        right=[math.ceil(tap * right / length - 0.5) for tap in range(width)],
    )


def smear(fields: Tensor, radius: int, sigma: float, angles: Tensor, *, cut: bool) -> Tensor:
    """Return fields averaged along lines.

    Args:
        fields: (N, C, H, W) float64.
        radius: as for `line`.
        sigma: as for `line`.
        angles: (N,), in degrees.
        cut: whether a line ends where it has become longer than the field, and its other weights are lost.
    """
    lines = [
        _cut(line(radius, sigma, angle), fields.shape[2:]) if cut else line(radius, sigma, angle)
        for angle in angles.tolist()
    ]
    if fields.device.type == "cpu":
        return torch.from_numpy(
            np.stack([_along(each, field) for each, field in zip(lines, fields.numpy(), strict=True)])
        )
    return _gathered(fields, lines)


def _cut(whole: Line, shape: torch.Size) -> Line:
    for tap, (down, right) in enumerate(zip(whole.down, whole.right, strict=True)):
        if abs(down) >= shape[0] or abs(right) >= shape[1]:
            return Line(weights=whole.weights[:tap], down=whole.down[:tap], right=whole.right[:tap])
    return whole


def _along(path: Line, field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one (C, H, W) field averaged along a line, tap by tap in views of the padded field."""
    top, bottom = max(0, -min(path.down)), max(0, *path.down)
    left, right = max(0, -min(path.right)), max(0, *path.right)
    _, height, width = field.shape
    result = np.zeros(field.shape)
    # Small planes together, large ones one by one: each pass over them is to stay in the processor's cache.
    size = max(1, _CACHED // (height * width))
    for start in range(0, len(field), size):
        total = result[start : start + size]
        padded = np.pad(field[start : start + size], ((0, 0), (top, bottom), (left, right)), mode="edge")
        product = np.empty_like(total)
        for weight, down, across in zip(*path, strict=True):
            view = padded[:, top + down : top + down + height, left + across : left + across + width]
            np.add(total, np.multiply(view, weight, out=product), out=total)
    return result


def _gathered(fields: Tensor, lines: list[Line]) -> Tensor:
    """Return what `_along` does for all samples at once, on any device."""
    taps = max(len(path.weights) for path in lines)
    weights, down, right = (
        torch.tensor([part + [0] * (taps - len(part)) for part in parts], dtype=dtype, device=fields.device)
        for parts, dtype in zip(zip(*lines, strict=True), (fields.dtype, torch.int64, torch.int64), strict=True)
    )
    n, _, height, width = fields.shape
    rows, columns = torch.arange(height, device=fields.device), torch.arange(width, device=fields.device)
    samples = torch.arange(n, device=fields.device)[:, None, None]
    result = torch.zeros_like(fields.movedim(1, 3))
    for tap in range(taps):
        below = (rows + down[:, tap, None]).clamp(0, height - 1)
        beside = (columns + right[:, tap, None]).clamp(0, width - 1)
        chosen = fields.movedim(1, 3)[samples, below[:, :, None], beside[:, None, :]]
        result += chosen * weights[:, tap, None, None, None]
    return result.movedim(3, 1)
