"""Parameters of the calibration metrics. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

import robustkit


@robustkit.params
class EceParams:
    """Parameters of `ece`."""

    bins: Annotated[int, Ge(1), Le(10_000)] = 15
    """Number of bins."""

    binning: Literal["equal-width", "equal-mass"] = "equal-width"
    """Bins of equal width over [0, 1], or with as equal numbers of samples as ties allow."""

    norm: Literal["l1", "l2", "max"] = "l1"
    """Mean absolute gap of the bins, root of their mean square (RMSCE), or the largest (MCE)."""

    edge: Literal["right", "left"] = "right"
    """Which end belongs to a bin: (a, b] as in Guo et al. (2017), or [a, b) as in torchmetrics."""

    debiased: bool = False
    """Take out the bias of the finite sample (Kumar et al. 2019); with `norm=l2` only."""


@robustkit.params
class ClasswiseEceParams:
    """Parameters of `classwise-ece`."""

    bins: Annotated[int, Ge(1), Le(10_000)] = 15
    """Number of bins of equal width over [0, 1]."""

    norm: Literal["l1", "l2", "max"] = "l1"
    """Of each class: mean absolute gap of the bins, root of their mean square, or the largest."""

    edge: Literal["right", "left"] = "right"
    """Which end belongs to a bin: (a, b] as in Guo et al. (2017), or [a, b)."""
