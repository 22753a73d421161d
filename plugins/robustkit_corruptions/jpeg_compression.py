"""jpeg-compression."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit_corruptions.constants import Constants, Row, levels
from robustkit_corruptions.corruption import Corruption

_RGB = 3


class JpegCompression(Corruption):
    """Compresses the image as JPEG and decompresses it again.

    Three channels are taken as RGB, with the colour at half resolution; other channels are compressed one by one. The
    quality is rounded to a whole number. Towards severity 0 it becomes 100, which rounds and halves the resolution of
    colour all the same.
    """

    constants = Constants(
        names=("quality",),
        identity=(100,),
        rules=("linear",),
        tables={
            "cifar": levels(80, 65, 58, 50, 40),
            "tiny-imagenet": levels(65, 58, 50, 40, 25),
            "imagenet": levels(25, 18, 15, 10, 7),
            "inception": levels(23, 16, 13, 8, 5),
        },
    )
    dtype = torch.uint8
    scale = 255

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the levels after compression."""
        return recompress(values, round(constants[0]))


def recompress(levels: Tensor, quality: int) -> Tensor:
    """Return (N, C, H, W) uint8 images as JPEG files of this quality hold them.

    Computed on the CPU, by OpenCV's libjpeg. Three channels are one RGB file, others a grey file each.
    """
    images = levels.cpu().numpy()
    if levels.shape[1] == _RGB:
        done = [recompress_colour(image, quality) for image in images]
    else:
        done = [np.stack([recompress_grey(plane, quality) for plane in image]) for image in images]
    return torch.from_numpy(np.stack(done)).to(levels.device)


def recompress_colour(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a (3, H, W) RGB image as a JPEG file of this quality, 1 to 100, holds it."""
    # OpenCV's order is blue, green, red.
    return np.stack(cv2.split(_recompress(cv2.merge(list(image[::-1])), quality, cv2.IMREAD_COLOR))[::-1])


def recompress_grey(plane: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a (H, W) image as a JPEG file of this quality, 1 to 100, holds it."""
    return _recompress(plane, quality, cv2.IMREAD_GRAYSCALE)


def _recompress(image: NDArray[np.uint8], quality: int, kind: int) -> NDArray[np.uint8]:
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cast("NDArray[np.uint8]", cv2.imdecode(file, kind))
