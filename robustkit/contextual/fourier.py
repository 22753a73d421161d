"""Features of an image by spatial frequency."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit.contextual.bases import Partition
from robustkit.errors import ConfigError

NYQUIST = 0.5
"""The highest frequency along an axis, in cycles per pixel."""


@dataclass(frozen=True, eq=False)
class FourierBasis:
    """The `FeatureBasis` whose features are bands of spatial frequency, all channels together.

    The Fourier transform is orthonormal, and a band has each frequency together with its negative, so that the
    projection on a band is orthogonal and real, and all bands together are the identity.

    Attributes:
        name: `fourier 8`.
        frequencies: the partition of the transform's coefficients (C, H, W) into bands, the lowest first.
    """

    name: str
    frequencies: Partition

    @property
    def size(self) -> int:
        """How many bands there are."""
        return self.frequencies.size

    def energy(self, values: Tensor) -> Tensor:
        """Return (N, size): the sum of squares within each band, by Parseval's theorem.

        Args:
            values: (N, C, H, W).

        >>> fourier_basis((1, 4, 4), 2).energy(torch.ones(1, 1, 4, 4)).tolist()
        [[16.0, 0.0]]
        """
        found = torch.fft.fft2(values, norm="ortho")
        return self.frequencies.total(found.real.square() + found.imag.square())

    def project(self, values: Tensor, feature: int) -> Tensor:
        """Return the part of the values within one band."""
        kept = self.frequencies.project(torch.fft.fft2(values, norm="ortho"), feature)
        found: Tensor = torch.fft.ifft2(kept, norm="ortho").real
        return found


def fourier_basis(shape: tuple[int, int, int], bands: int) -> FourierBasis:
    """Return the basis of radial frequency bands of equal width, from 0 to half a cycle per pixel.

    The first band has the mean of the image; the last has the corners too, up to the root of 1/2 cycles per pixel.

    Args:
        shape: (C, H, W) of one image.
        bands: how many.

    Raises:
        ConfigError: no band, or more than images of this size can fill.

    >>> fourier_basis((1, 4, 4), 2).frequencies.index.tolist()
    [[[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]]
    """
    channels, height, width = shape
    rows, columns = (torch.fft.fftfreq(size, dtype=torch.float64) for size in (height, width))
    radius = (rows.square()[:, None] + columns.square()).sqrt()
    band = (radius * (bands / NYQUIST)).long().clamp(max=bands - 1)
    if bands < 1 or len(torch.unique(band)) < bands:
        raise ConfigError(
            f"fourier basis: images of {height}x{width} pixels do not fill {bands} bands of frequency",
            f"ask for 1 to {max(1, min(height, width) // 2)} bands",
        )
    index = band.expand(channels, height, width).contiguous()
    return FourierBasis(f"fourier {bands}", Partition(f"fourier {bands}", index, bands))
