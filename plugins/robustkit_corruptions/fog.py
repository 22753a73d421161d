"""fog."""

from __future__ import annotations

from torch import Tensor

from robustkit import Keys
from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption, Shape


class Fog(Corruption):
    """Adds a cloudy field and rescales so that the brightest value stays what it was."""

    constants = Constants(
        names=("strength", "decay"),
        identity=(0.0, 2.0),
        rules=("linear", "linear"),
        tables={
            "cifar": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
            "tiny-imagenet": ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
            "imagenet": ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
            "inception": ((1.5, 2), (2, 2), (2.5, 1.8), (2.5, 1.6), (3, 1.5)),
        },
    )

    def draw(self, keys: Keys, shape: Shape, constants: Row) -> Tensor:
        """Return (N, 1, H, W) float64, the clouds, from 0 to 1 over a square that holds the image."""
        side = 1 << (max(shape[1:]) - 1).bit_length()
        return clouds(keys.uniform(side * side - 1, bits=32), constants[1])[:, None, : shape[1], : shape[2]]

    def degrade(self, values: Tensor, drawn: Tensor, constants: Row) -> Tensor:
        """Return the foggy values; any number of channels."""
        strength = constants[0]
        brightest = values.amax(dim=(1, 2, 3), keepdim=True)
        return values.add_(drawn * strength).mul_(brightest).div_(brightest + strength)


def clouds(uniforms: Tensor, decay: float) -> Tensor:
    """Return (N, S, S) plasma fractals by the diamond-square algorithm, each scaled to [0, 1].

    Args:
        uniforms: (N, S S - 1) in [0, 1), with S a power of two; used up level by level.
        decay: by how much the noise falls from one level to the next.
    """
    n, count = uniforms.shape
    field, side, wobble = uniforms.new_zeros(n, 1, 1), 1, 100.0
    while side * side <= count:
        # Three fields of this side follow the side^2 - 1 numbers that the coarser levels took.
        parts = uniforms[:, side * side - 1 : 4 * side * side - 1].reshape(n, 3, side, side).unbind(1)
        noise = [(part * (wobble + wobble)).sub_(wobble).mul_(wobble) for part in parts]
        field = _refined(field, noise)
        side, wobble = 2 * side, wobble / decay
    flat = field.flatten(1)
    flat -= flat.amin(dim=1, keepdim=True)
    return flat.div_(flat.amax(dim=1, keepdim=True)).view_as(field)


def _refined(corners: Tensor, noise: list[Tensor]) -> Tensor:
    """Return a field of twice the side: a mean of four neighbours and noise between the points of the old one."""
    n, side, _ = corners.shape
    along, down = corners + corners.roll(-1, 2), corners + corners.roll(-1, 1)
    centres = (down + down.roll(-1, 2)).div_(4).add_(noise[0])
    above = (centres + centres.roll(1, 1)).add_(along).div_(4).add_(noise[1])
    beside = (centres + centres.roll(1, 2)).add_(down).div_(4).add_(noise[2])
    finer = corners.new_empty(n, side, 2, side, 2)
    finer[:, :, 0, :, 0], finer[:, :, 0, :, 1] = corners, above
    finer[:, :, 1, :, 0], finer[:, :, 1, :, 1] = beside, centres
    return finer.view(n, 2 * side, 2 * side)
