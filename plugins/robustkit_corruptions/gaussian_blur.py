"""gaussian-blur, and the normal smoothing that other corruptions contain."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robustkit_corruptions.constants import Constants, Row, levels
from robustkit_corruptions.corruption import Corruption
from robustkit_corruptions.pieces import by_planes, runs

Edge = Literal["nearest", "reflect"]

_ROWS, _COLUMNS = -2, -1

_SMALL = 1 << 13
"""Pixels of a plane up to which `convolve` is faster on a CPU: it computes nothing beside the rows."""


class GaussianBlur(Corruption):
    """Convolves with a normal kernel, cut at 4 standard deviations; pixels outside repeat the edge.

    A kernel narrower than 1/8 pixel, which only severities below 1 have, is cut to its centre and changes nothing.
    """

    constants = Constants(
        names=("sigma",),
        identity=(0.0,),
        rules=("linear",),
        tables={
            "cifar": levels(0.4, 0.6, 0.7, 0.8, 1.0),
            "tiny-imagenet": levels(0.5, 0.75, 1.0, 1.25, 1.5),
            "imagenet": levels(1.0, 2.0, 3.0, 4.0, 6.0),
            "inception": levels(1.5, 2.5, 3.5, 4.5, 6.5),
        },
    )

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the blurred values; any number of channels."""
        (sigma,) = constants
        return smooth(values, (sigma, sigma))


def smooth(fields: Tensor, sigmas: tuple[float, float], *, truncate: float = 4.0, edge: Edge = "nearest") -> Tensor:
    """Return fields convolved with a normal kernel, as `scipy.ndimage.gaussian_filter` does it.

    Args:
        fields: (..., H, W) float; computed in float64 and returned in their dtype after each direction.
        sigmas: standard deviations along H and W, in pixels.
        truncate: standard deviations at which the kernel is cut.
        edge: what lies outside: the edge pixel again and again, or the image mirrored about its edge.
    """
    large = fields.shape[-2:].numel() > _SMALL
    in_cache = large and edge == "nearest" and fields.device.type == "cpu"

    def smoothed(planes: Tensor) -> Tensor:
        for sigma, dim in zip(sigmas, (_ROWS, _COLUMNS), strict=True):
            kernel = half_kernel(sigma, truncate)
            planes = convolve_in_cache(planes, kernel, dim) if in_cache else convolve(planes, kernel, dim, edge)
        return planes

    return by_planes(fields.reshape(-1, 1, *fields.shape[-2:]), smoothed).view(fields.shape)


def smooth_noise(
    fields: Tensor, sigmas: tuple[float, float], *, truncate: float = 4.0, edge: Edge = "nearest"
) -> Tensor:
    """Return what `smooth` does, up to the last bits, and on a CPU two to three times as fast, by OpenCV.

    For random fields, where hardly any value lies so near to a threshold that its last bits decide.

    Args:
        fields: (N, H, W) float64.
        sigmas: as for `smooth`.
        truncate: as for `smooth`.
        edge: as for `smooth`.
    """
    if fields.device.type != "cpu":
        return smooth(fields, sigmas, truncate=truncate, edge=edge)
    along, across = (np.array([*half[:0:-1], *half]) for half in (half_kernel(sigma, truncate) for sigma in sigmas))
    smoothed = torch.empty_like(fields)
    for field, found in zip(fields.numpy(), smoothed.numpy(), strict=True):
        cv2.sepFilter2D(field, cv2.CV_64F, across, along, dst=found, borderType=_BORDERS[edge])
    return smoothed


_BORDERS: dict[Edge, int] = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT}


@lru_cache(maxsize=64)
def half_kernel(sigma: float, truncate: float = 4.0) -> tuple[float, ...]:
    """Return the centre and one side of a normalised normal kernel of radius r = int(truncate sigma + 0.5).

    >>> half_kernel(0.1)
    (1.0,)
    """
    radius = int(truncate * sigma + 0.5)
    if radius == 0:
        return (1.0,)
    # numpy, not torch: the reference's exponentials and sums, to the last bit.
    kernel = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return tuple((kernel / kernel.sum())[radius:].tolist())


def convolve_in_cache(planes: Tensor, kernel: tuple[float, ...], dim: int) -> Tensor:
    """Return what `convolve` does with the nearest edge, faster on a CPU for large planes, as many as its cache holds.

    All of a padded plane is one run of numbers, in which a shift along either dimension is an offset: each tap is three
    passes over contiguous memory. Beside each row, numbers are computed that mix two rows; at the end they are left
    out.
    """
    radius = len(kernel) - 1
    if radius == 0:
        return planes
    count, _, height, width = planes.shape
    # Along the columns with one row more, for the last row's taps.
    sides = (0, 0, radius, radius) if dim == _ROWS else (radius, radius, 0, 1)
    padded = functional.pad(planes.to(torch.float64), sides, mode="replicate")
    stride = width if dim == _ROWS else 1
    flat, numbers = padded.flatten(1).numpy(), height * padded.shape[3]
    total = np.empty((count, numbers))
    for start, end in runs(count, numbers):
        part = total[:, start:end]
        np.multiply(flat[:, start + radius * stride : end + radius * stride], kernel[0], out=part)
        pair = np.empty_like(part)
        for tap in range(radius, 0, -1):
            before, behind = (radius - tap) * stride, (radius + tap) * stride
            np.add(flat[:, start + before : end + before], flat[:, start + behind : end + behind], out=pair)
            np.add(part, np.multiply(pair, kernel[tap], out=pair), out=part)
    kept = torch.from_numpy(total).view(count, 1, height, -1)[..., :width]
    return kept.to(planes.dtype)


def convolve(fields: Tensor, kernel: tuple[float, ...], dim: int, edge: Edge = "nearest") -> Tensor:
    """Return fields convolved with a symmetric kernel along one dimension, on any device.

    The taps are added from the outermost inwards, as scipy adds them: flat areas lie on whole levels, where truncation
    shows the last bit. The fixed order also makes the result independent of the batch.

    Args:
        fields: (..., H, W) float.
        kernel: its centre and one side.
        dim: -2 or -1.
        edge: what lies outside, as for `smooth`.
    """
    radius, side = len(kernel) - 1, fields.shape[dim]
    padded = fields.to(torch.float64).index_select(dim, outside(side, radius, edge, fields.device))
    total = padded.narrow(dim, radius, side) * kernel[0]
    for tap in range(radius, 0, -1):
        pair = padded.narrow(dim, radius - tap, side) + padded.narrow(dim, radius + tap, side)
        total += pair.mul_(kernel[tap])
    return total.to(fields.dtype)


def outside(side: int, radius: int, edge: Edge, device: torch.device) -> Tensor:
    """Return the positions that stand at -radius, …, side - 1 + radius.

    >>> outside(3, 2, "nearest", torch.device("cpu")).tolist(), outside(3, 2, "reflect", torch.device("cpu")).tolist()
    ([0, 0, 0, 1, 2, 2, 2], [1, 0, 0, 1, 2, 2, 1])
    """
    places = torch.arange(-radius, side + radius, device=device)
    if edge == "nearest":
        return places.clamp(0, side - 1)
    places = places % (2 * side)
    return torch.minimum(places, 2 * side - 1 - places)
