"""snow."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.colour import luma
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape
from robustkit_corruptions.motion_blur import smear, smear_by_imagemagick
from robustkit_corruptions.pixels import WHITE, divide_
from robustkit_corruptions.zoom import clipped_zoom


class Snow(Corruption):
    """Whitens the image and adds flakes: enlarged, thresholded noise, smeared along a line, and once more upside down.

    At severities below 1, flakes become rarer as well.

    reference: the layer of flakes is held in whole levels; imagecorruptions rounds them after the smearing, the other
    sets truncate them before it, and smear by ImageMagick, see `smear_by_imagemagick`. Of an enlargement
    imagecorruptions takes the upper left part, the other sets the middle. Edges of lines and of enlargements are as in
    motion-blur and zoom-blur. fixed: the layer is not quantised, the middle is taken, no edge is lost.
    """

    constants = Constants(
        names=("loc", "scale", "zoom", "threshold", "radius", "sigma", "mix"),
        # Flakes are what rises above the threshold: with a low mean there are none.
        identity=(-1.0, 0.3, 1.0, 0.6, 1, 1.0, 1.0),
        rules=("linear", "linear", "step", "linear", "step", "linear", "linear"),
        tables={
            "cifar": (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
            ),
            "tiny-imagenet": (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
            ),
            "imagenet": (
                (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
                (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
                (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
                (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
                (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
            ),
            "inception": (
                (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
                (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
                (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
                (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
                (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
            ),
        },
    )
    dtype = torch.float32

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:
        """Return (N, 1, H, W) float64, how much snow lies on each pixel."""
        loc, scale, factor, threshold, radius, sigma, _ = constants
        reference = self.params.mode == "reference"
        ported = reference and self.profile(shape) == "imagecorruptions"
        noise = keys.child("flakes").normal(1, *shape[1:], bits=32).mul_(scale).add_(loc)
        flakes = clipped_zoom(noise, factor, edge=reference, trim="nowhere" if ported else "centre")
        flakes = (flakes * (flakes >= threshold)).clamp_(0, 1)
        angles = keys.child("angle").uniform().mul_(90).sub_(135)
        if reference and not ported:
            levels = smear_by_imagemagick(flakes.mul_(WHITE).floor_(), int(radius), sigma, angles)
            return divide_(levels, WHITE)
        # imagecorruptions smears the whole enlargement and then takes its upper left part.
        layer = smear(flakes, int(radius), sigma, angles, cut=ported)[:, :, : shape[1], : shape[2]]
        return divide_(layer.mul_(WHITE).round_(), WHITE) if ported else layer

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the snowy values; with other channels than RGB, the whitening goes by their mean."""
        mix = constants[-1]
        white = torch.maximum(values, luma(values).mul_(1.5).add_(0.5)).mul_(1 - mix)
        return (white.add_(values.mul_(mix)) + drawn).add_(drawn.flip(2, 3))
