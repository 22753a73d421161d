"""What the trainers can be told. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from robustkit import params


@params
class StandardParams:
    """The parameters of `standard`."""

    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of the target that is spread evenly over all classes."""


@params
class PgdAtParams:
    """The parameters of `pgd-at`."""

    radius: Annotated[float, Ge(0), Le(1)] = 0.1
    """Largest change of a value, in units of [0, 1]: the eps of the threat model."""

    steps: Annotated[int, Ge(1), Le(1000)] = 5
    """Gradient steps of the inner attack, from a random start."""

    step_size: Annotated[float, Ge(0)] | None = None
    """Length of a step in each value, in units of [0, 1]. Left out: 2.5 radius / steps."""


@params
class FclParams:
    """The parameters of `fcl`. The paper's are not public: the defaults were found on a small image data set."""

    weight: Annotated[float, Ge(0)] = 0.1
    """Factor of the contrastive loss; that of the cross-entropy is 1."""

    temperature: Annotated[float, Gt(0)] = 0.005
    """Divides the cosines in the contrastive loss; the lower, the smaller the difference of views that is enough."""

    fraction: Annotated[float, Gt(0), Le(0.5)] = 0.5
    """Share of the features that count as of high utility, and again as of low utility."""

    std: Annotated[float, Ge(0)] = 0.3
    """Standard deviation of the noise on the chosen features, in units of [0, 1]."""

    negatives: Annotated[int, Ge(1), Le(64)] = 1
    """Views with noise on the features of high utility, for each sample."""

    warmup: Annotated[float, Ge(0), Le(1)] = 0.2
    """Share of the epochs at the beginning with cross-entropy alone."""

    basis: Literal["pixel", "patch"] = "patch"
    """What a feature is: all channels of a pixel, or of a square patch."""

    patch: Annotated[int, Ge(1)] = 4
    """Side of a patch, in pixels; without effect for `basis=pixel`."""

    layer: str = ""
    """Layer whose output, averaged over positions, is compared between views; empty for the logits."""

    selection: Literal["utility", "random"] = "utility"
    """How features are chosen; `random` is the control without guidance: what it gains is not due to utility."""
