"""Parameters of the metrics that have any. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

import robustkit


@robustkit.params
class EceParams:
    """Parameters of `ece`."""

    bins: Annotated[int, Ge(1), Le(10_000)] = 15
    """Number of bins of equal width over [0, 1]."""


@robustkit.params
class UtilitySensitivityParams:
    """Parameters of `utility-sensitivity`."""

    basis: Literal["pixel", "patch"] = "patch"
    """What a feature is: all channels of a pixel, or of a square patch."""

    patch: Annotated[int, Ge(1)] = 4
    """Side of a patch, in pixels; without effect for `basis=pixel`."""

    estimator: Literal["gradient", "hutchinson", "finite"] = "gradient"
    """Gradients, exact; gradients, with sensitivity from random projections; or noise on one feature at a time."""

    draws: Annotated[int, Ge(2), Le(10_000)] = 16
    """Random projections, or noise draws a feature; without effect for `estimator=gradient`."""

    std: Annotated[float, Gt(0)] = 0.1
    """Standard deviation of the noise of `estimator=finite`, in units of [0, 1]."""

    fraction: Annotated[float, Gt(0), Le(0.5)] = 0.1
    """Share of the features that sensitivity mass and contrast ratio count as top, and as bottom."""

    layer: str = ""
    """Layer whose output, averaged over positions, is the representation; empty for the logits."""


@robustkit.params
class TokenUtilitySensitivityParams:
    """Parameters of `token-utility-sensitivity`."""

    perturb: Literal["delete", "mask"] = "delete"
    """Whether a word is left out or replaced."""

    replacement: str = ""
    """What a word is replaced by; needed for `perturb=mask`."""

    fraction: Annotated[float, Gt(0), Le(0.5)] = 0.1
    """Share of the words that sensitivity mass and contrast ratio count as top, and as bottom."""

    layer: str = ""
    """Layer whose output, averaged over positions, is the representation; empty for the logits."""


@robustkit.params
class RobustAccuracyCurveParams:
    """Parameters of `robust-accuracy-curve`."""

    eps: Annotated[float, Gt(0)] | tuple[Annotated[float, Gt(0)], ...] = ()
    """At which eps, up to that of the attack; one or several. None for the quarters of that of the attack."""
