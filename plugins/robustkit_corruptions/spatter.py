"""spatter."""

from __future__ import annotations

from math import nan

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.colour import tinted
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.gaussian_blur import smooth, smooth_noise

_WHITE = 255
_MUD = (63 / 255, 42 / 255, 20 / 255)
_WATER = (175 / 255, 238 / 255, 238 / 255)
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
_OPAQUE = 0.8


class Spatter(Corruption):
    """Drops of water at severities up to 3, of mud above, on a lens before the image.

    There is nothing between water and mud: severities above 3 and below 4 are severity 4. Below 1, drops become rarer
    and then cease: at 0.5 hardly an image has one.

    Where no drop falls on an image, the published programs divide by zero; here the image stays as it is.
    """

    constants = Constants(
        names=("loc", "scale", "blur", "threshold", "strength", "mud"),
        # Drops are where the smoothed noise rises above the threshold; these numbers are all the mean.
        identity=(0.55, 0.0, nan, nan, nan, nan),
        rules=("linear", "linear", "linear", "linear", "step", "kind"),
        tables={
            "cifar": (
                (0.62, 0.1, 0.7, 0.7, 0.5, 0),
                (0.65, 0.1, 0.8, 0.7, 0.5, 0),
                (0.65, 0.3, 1, 0.69, 0.5, 0),
                (0.65, 0.1, 0.7, 0.69, 0.6, 1),
                (0.65, 0.1, 0.5, 0.68, 0.6, 1),
            ),
            "tiny-imagenet": (
                (0.62, 0.1, 0.7, 0.7, 0.6, 0),
                (0.65, 0.1, 0.8, 0.7, 0.6, 0),
                (0.65, 0.3, 1, 0.69, 0.6, 0),
                (0.65, 0.1, 0.7, 0.68, 0.6, 1),
                (0.65, 0.1, 0.5, 0.67, 0.6, 1),
            ),
            "imagenet": (
                (0.65, 0.3, 4, 0.69, 0.6, 0),
                (0.65, 0.3, 3, 0.68, 0.6, 0),
                (0.65, 0.3, 2, 0.68, 0.5, 0),
                (0.65, 0.3, 1, 0.65, 1.5, 1),
                (0.67, 0.4, 1, 0.65, 1.5, 1),
            ),
            "inception": (
                (0.65, 0.3, 4, 0.69, 0.9, 0),
                (0.65, 0.3, 3.5, 0.68, 0.9, 0),
                (0.65, 0.3, 3, 0.68, 0.8, 0),
                (0.65, 0.3, 1.2, 0.65, 1.8, 1),
                (0.67, 0.4, 1.2, 0.65, 1.8, 1),
            ),
        },
    )
    dtype = torch.float32

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:
        """Return (N, 1, H, W) float32, how much of the drops' colour each pixel takes.

        The drops of water are drawn on the CPU, by OpenCV.
        """
        loc, scale, blur, threshold, strength, mud = constants
        liquid = smooth_noise(keys.normal(*shape[1:], bits=32).mul_(scale).add_(loc), (blur, blur))
        if mud:
            covered = (liquid > threshold).to(torch.float32)
            mask = smooth(covered, (strength, strength))
            return (mask * (mask >= _OPAQUE))[:, None]
        liquid = (liquid * (liquid >= threshold)).cpu()
        drops = [water(field) * np.float32(strength) for field in liquid.numpy()]
        return torch.from_numpy(np.stack(drops))[:, None].to(keys.device)

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the values behind the drops; with other channels than RGB, the drops are grey."""
        channels = values.shape[1]
        if not constants[-1]:
            return values + drawn * tinted(_WATER, channels, values)
        ported = self.profile(values.shape[1:]) == "imagecorruptions"
        # imagecorruptions takes the colour's dtype from an image of whole levels, and so computes in double precision.
        brown = tinted(_MUD, channels, drawn.to(torch.float64) if ported else drawn)
        return values.mul_(1 - drawn) + drawn * brown


def water(liquid: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (H, W), how strongly drops of water shine, from 0 to 1: brighter away from their edges, with relief.

    Args:
        liquid: (H, W) float64, 0 outside the drops.
    """
    levels = (liquid * _WHITE).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(levels, 50, 150), cv2.DIST_L2, 5)
    _, distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)
    relief = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    relief = cv2.blur(cv2.filter2D(relief, cv2.CV_8U, _EMBOSS), (3, 3)).astype(np.float32)
    shine: NDArray[np.float32] = levels * relief
    brightest = shine.max()
    return shine / brightest if brightest > 0 else shine
