"""elastic-transform."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.gaussian_blur import smooth_noise
from robustkit_corruptions.pieces import by_images

_TRUNCATE = 3.0


@dataclass(frozen=True, eq=False)
class Warp:
    """Where the pixels of each image come from.

    Attributes:
        corners: (N, 3, 2) float32, by how much three points move in the affine map before; None where there is none.
        down: (N, H, W) float32, by how many pixels each source lies further down.
        right: (N, H, W) float32, by how many further to the right.
    """

    corners: NDArray[np.float32] | None
    down: Tensor
    right: Tensor


class ElasticTransform(Corruption):
    """Moves pixels by smooth random displacements, after a random affine map.

    imagecorruptions has no affine map and constants of its own: its results are no elastic-transform of ImageNet-C.
    Below severity 1 displacements are as smooth as at severity 1, and shorter.

    reference: the affine map moves three points of which rows and columns are confused, so that they do not lie about
    the centre of an image that is not square. fixed: they do.
    """

    constants = Constants(
        names=("alpha", "sigma", "affine"),
        identity=(0.0, nan, 0.0),
        rules=("linear", "linear", "linear"),
        tables={
            # In units of 32, 64, 244 and 360 pixels, as the scripts have them; see `unit`.
            "cifar": ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
            "tiny-imagenet": (
                (0, 0, 0.08),
                (0.05, 0.3, 0.06),
                (0.1, 0.08, 0.06),
                (0.1, 0.03, 0.03),
                (0.16, 0.03, 0.02),
            ),
            "imagenet": ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)),
            "inception": ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)),
            # In pixels; 1 for a displacement of 0.5 % of the height; in units of the sides.
            "imagecorruptions": (
                (250 * 0.05, 0.01, 0),
                (250 * 0.065, 0.01, 0),
                (250 * 0.085, 0.01, 0),
                (250 * 0.1, 0.01, 0),
                (250 * 0.12, 0.01, 0),
            ),
        },
    )
    dtype = torch.float32

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Warp:
        """Return the displacements."""
        alpha, sigma, affine = constants
        height, width = shape[1:]
        down, right = (keys.child(name).uniform(height, width, bits=32) for name in ("down", "right"))
        if self.profile(shape) == "imagecorruptions":
            reach, sigmas, corners = height * 0.005, (height * sigma, width * sigma), None
        else:
            unit = _UNITS[self.profile(shape)]
            reach, alpha, sigmas = 1.0, unit * alpha, (unit * sigma, unit * sigma)
            moved = keys.child("affine").uniform(3, 2).mul_(2 * unit * affine).sub_(unit * affine)
            corners = moved.to(torch.float32).cpu().numpy()
        fields = (
            smooth_noise(field.mul_(2 * reach).sub_(reach), sigmas, truncate=_TRUNCATE, edge="reflect").mul_(alpha)
            for field in (down, right)
        )
        down, right = (field.to(torch.float32) for field in fields)
        return Warp(corners=corners, down=down, right=right)

    def degrade(self, values: Tensor, drawn: Warp, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the warped values; any number of channels."""
        height, width = values.shape[2:]
        if drawn.corners is not None:
            extent = (height, width) if self.params.mode == "reference" else None
            values = affine_map(values, drawn.corners, extent)
        return by_images(values, interpolate, drawn.down, drawn.right)


_UNITS = {"cifar": 32, "tiny-imagenet": 64, "imagenet": 244, "inception": 360}
"""Pixels that the constants of a published set count in; 244 is the script's slip for 224, which the set has."""


def interpolate(values: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Return values beside the pixels, as `scipy.ndimage.map_coordinates` of order 1 with mode `reflect` does it.

    Computed in float64, so that results differ from scipy's in its last bits only, before they take the values' dtype.

    Args:
        values: (N, C, H, W) float.
        down: (N, H, W), how many pixels below; outside, the image is mirrored about its edge.
        right: the same along the width.
    """
    n, _, height, width = values.shape
    # From -1 at the outer edge of the first pixel to 1 at that of the last.
    rows, columns = (
        torch.arange(1, 2 * side, 2, dtype=torch.float64, device=values.device) / side - 1 for side in (height, width)
    )
    grid = torch.empty(n, height, width, 2, dtype=torch.float64, device=values.device)
    torch.add(columns, right, alpha=2 / width, out=grid[..., 0])
    torch.add(rows[:, None], down, alpha=2 / height, out=grid[..., 1])
    found = functional.grid_sample(values.to(torch.float64), grid, padding_mode="reflection", align_corners=False)
    return found.to(values.dtype)


def affine_map(values: Tensor, moves: NDArray[np.float32], extent: tuple[int, int] | None = None) -> Tensor:
    """Return images under the affine map that moves three points about a centre. Computed on the CPU, by OpenCV.

    Args:
        values: (N, C, H, W) float32; outside, they are mirrored about the edge pixel.
        moves: (N, 3, 2), in pixels to the right and down.
        extent: twice the centre, to the right and down; None for that of the images.
    """
    height, width = values.shape[2:]
    centre, reach = np.array(extent or (width, height), dtype=np.float32) // 2, min(height, width) // 3
    points = np.array([centre + reach, [centre[0] + reach, centre[1] - reach], centre - reach], dtype=np.float32)
    mapped = []
    for image, move in zip(values.cpu().numpy(), moves, strict=True):
        matrix = cv2.getAffineTransform(points, points + move)
        mapped.append(
            [cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101) for plane in image]
        )
    return torch.from_numpy(np.array(mapped)).to(values.device)
