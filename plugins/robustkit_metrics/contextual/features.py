"""What a feature is, from parameters: its basis, its name, and what parameters cannot be."""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import robustkit
from robustkit_metrics.contextual.params import FeatureParams, UtilitySensitivityParams

P = TypeVar("P", bound=FeatureParams)
Shape = tuple[int, int, int]

MOST_NAMED = 64
"""A profile of more features than this says nothing to a reader."""


def make_features(params: FeatureParams, images: Tensor) -> robustkit.FeatureBasis:
    """Return the basis that parameters name, for these images.

    Args:
        params: what a feature is.
        images: (N, C, H, W).
    """
    if params.basis == "superpixel":
        return robustkit.superpixel_basis(images, params.patch)
    shape = cast("Shape", tuple(images.shape[1:]))
    if params.basis == "fourier":
        return robustkit.fourier_basis(shape, params.bands)
    return robustkit.make_basis(params.basis, shape, params.patch)


def feature_names(params: FeatureParams, shape: Shape) -> tuple[str, ...]:
    """Return the name of each feature where all images have the same and there are few; otherwise none.

    >>> feature_names(FeatureParams(basis="fourier", bands=2), (1, 8, 8))
    ('band-1', 'band-2')
    >>> feature_names(FeatureParams(patch=4), (1, 4, 8))
    ('row-1-column-1', 'row-1-column-2')
    """
    if params.basis == "fourier":
        return tuple(f"band-{band + 1}" for band in range(params.bands))
    if params.basis not in ("pixel", "patch"):
        return ()
    side = params.patch if params.basis == "patch" else 1
    rows, columns = (-(-length // side) for length in shape[1:])
    names = tuple(f"row-{row + 1}-column-{column + 1}" for row in range(rows) for column in range(columns))
    return names if len(names) <= MOST_NAMED else ()


def white_shares(basis: robustkit.FeatureBasis) -> NDArray[np.float64]:
    """Return (G,): the share of the dimensions that each feature has, and so of the squares of white noise.

    Args:
        basis: whose features are the same for all samples.
    """
    sets = basis.frequencies if isinstance(basis, robustkit.FourierBasis) else basis
    assert isinstance(sets, robustkit.Partition)
    counts = np.bincount(sets.index.flatten().numpy(), minlength=sets.size)
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def check_features(params: P, shape: Shape) -> P:
    """Return the parameters, if images (C, H, W) have such features and the estimator can measure them.

    Raises:
        robustkit.ConfigError: they have not, or it cannot.
    """
    if params.basis == "fourier":
        robustkit.fourier_basis(shape, params.bands)
        if getattr(params, "estimator", "") == "forward":
            raise robustkit.ConfigError(
                "estimator=forward needs features that are sets of values; bands of frequency are not",
                "take estimator=gradient",
            )
    return params


def check_compared(params: UtilitySensitivityParams, shape: Shape) -> UtilitySensitivityParams:
    """Return the parameters, if `check_features` does and they make at least two features of images (C, H, W).

    Raises:
        robustkit.ConfigError: there is one, which compares with nothing.
    """
    _, height, width = shape
    one = f"images of {height}x{width} have one"
    if params.basis == "fourier" and params.bands < 2:
        raise robustkit.ConfigError(
            f"utility-sensitivity: expected at least two features, but {one} band of frequency",
            "set bands to 2 or more",
        )
    side = params.patch if params.basis in ("patch", "superpixel") else 1
    if params.basis != "fourier" and side >= max(height, width) and not (params.basis == "value" and shape[0] > 1):
        raise robustkit.ConfigError(
            f"utility-sensitivity: expected at least two features, but {one} {params.basis} of {side}x{side}",
            f"set patch to less than {max(height, width)}",
        )
    return check_features(params, shape)
