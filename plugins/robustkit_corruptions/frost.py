"""frost."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.frost_files import find_files
from robustkit_corruptions.params import Published

_RGB = 3
_SHRUNK: dict[Published, float] = {"cifar": 0.2, "tiny-imagenet": 0.3}
"""By how much the photographs are scaled before they are cropped; the others are for images of full size."""

_LUMA = torch.tensor([0.2989, 0.5870, 0.1140], dtype=torch.float64)
_USED = 5


class Frost(Corruption):
    """Mixes in a random part of one of six photographs of frost.

    Photographs that are smaller than the image are enlarged. Images of other than three channels get the photograph in
    grey.

    reference: the sixth photograph is never chosen. fixed: it is.
    """

    constants = Constants(
        names=("image", "frost"),
        identity=(1.0, 0.0),
        rules=("linear", "linear"),
        tables={
            "cifar": ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
            "tiny-imagenet": ((1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)),
            "imagenet": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
            "inception": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        },
    )
    scale = 255

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:  # noqa: ARG002
        """Return (N, C, H, W) uint8, the part of a photograph that each image gets."""
        files = find_files()
        profile = self.profile(shape)
        used = len(files) if self.params.mode == "fixed" else _USED
        parts = []
        for which, row, column in keys.uniform(3).tolist():
            frost = scaled(str(files[int(which * used)]), shape[1:], profile)
            height, width = frost.shape[1] - shape[1], frost.shape[2] - shape[2]
            first, start = int(row * height), int(column * width)
            parts.append(frost[:, first : first + shape[1], start : start + shape[2]])
        return torch.stack(parts).to(keys.device)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the frosted values."""
        image, frost = constants
        layer = drawn.to(torch.float64)
        if values.shape[1] != _RGB:
            layer = torch.einsum("nchw,c->nhw", layer, _LUMA.to(layer.device))[:, None]
        return values.mul_(image) + layer * frost


@lru_cache(maxsize=32)
def scaled(path: str, size: tuple[int, int], profile: Published) -> Tensor:
    """Return (3, H, W) uint8, a photograph at the scale at which a published set crops it, as RGB.

    Args:
        path: of the photograph.
        size: (H, W) of the images; a photograph that is smaller is enlarged.
        profile: whose scale it is.
    """
    photograph = cast("NDArray[np.uint8]", cv2.imread(path))
    if profile == "imagecorruptions":
        factor = _enlargement(photograph.shape, size) * 1.1
        height, width = (int(np.ceil(side * factor)) for side in photograph.shape[:2])
        photograph = cv2.resize(photograph, dsize=(width, height), interpolation=cv2.INTER_CUBIC)
    else:
        if profile in _SHRUNK:
            photograph = cv2.resize(photograph, (0, 0), fx=_SHRUNK[profile], fy=_SHRUNK[profile])
        factor = _enlargement(photograph.shape, size)
        if factor > 1:
            photograph = cv2.resize(photograph, (0, 0), fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return torch.from_numpy(np.ascontiguousarray(photograph[..., ::-1].transpose(2, 0, 1)))


def _enlargement(photograph: tuple[int, ...], size: tuple[int, int]) -> float:
    return max(1.0, size[0] / photograph[0], size[1] / photograph[1])
