"""Parameters of the metrics of utility and sensitivity. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

import robustkit
from robustkit_metrics.features.params import Channels

Std = Annotated[float, Ge(1e-4), Le(1e4)]


@robustkit.params
class FeatureParams:
    """What a feature is, and how samples are split and computed."""

    basis: Literal["value", "pixel", "patch", "superpixel", "fourier"] = "patch"
    """What a feature is: a value (one channel of a pixel); all channels of a pixel, of a square patch, of a superpixel
    (a patch whose borders follow the image's edges), or of a band of spatial frequency."""

    patch: Annotated[int, Ge(1)] = 4
    """Side of a patch, or mean side of a superpixel, in pixels; without effect for the others."""

    bands: Annotated[int, Ge(1)] = 8
    """Bands of equal width from frequency 0 to half a cycle per pixel; without effect but for `basis=fourier`."""

    memory: Annotated[float, Gt(0)] = 1024
    """MiB, beside the model, that may be used: it decides how many samples are computed at once, and nothing else."""

    counts: str = ""
    """Split by class frequency, into head, medium and tail: by a file with the training samples of each class (a JSON
    list, or object by class index, or a CSV file with `class` and `count`), or by the `evaluated` samples; empty for
    no split."""

    many: Annotated[int, Ge(0)] = 100
    """Classes with more samples than this are the head."""

    few: Annotated[int, Ge(0)] = 20
    """Classes with fewer samples than this are the tail."""


@robustkit.params
class UtilityParams(FeatureParams):
    """Parameters of `utility`."""

    target: Literal["ce", "smoothed-ce", "margin", "logit"] = "ce"
    """What features are useful for: cross-entropy, or that of labels of which 0.1 is spread over all classes, or the
    margin or the logit of the label, which do not saturate."""

    ablation: Literal["none", "zero", "mean", "blur"] = "none"
    """Utility is the change of the target when a feature is replaced: by 0, by the mean of its channel, or by a blurred
    image. none: it is the length of the target's gradient."""

    reference: str = ""
    """Model of the same run that utility is asked of; empty for the evaluated model itself."""


@robustkit.params
class SensitivityParams(FeatureParams):
    """Parameters of `sensitivity`."""

    estimator: Literal["auto", "gradient", "forward", "hutchinson", "finite"] = "auto"
    """Exact by backward passes or by forward-mode passes; random projections; or noise on one feature at a time. auto:
    exact where that takes no more passes than `draws`, else random projections."""

    draws: Annotated[int, Ge(2), Le(10_000)] = 64
    """Random projections, or noise draws a feature; without effect where the estimator is exact."""

    std: Std = 0.1
    """Standard deviation of the noise of `estimator=finite`, in units of [0, 1]; below 0.0001 float32 inputs, which
    are in steps of up to 6e-8, would no longer hold it to three digits."""

    layer: str = ""
    """Layer whose output, averaged over positions, is the representation; empty for the logits."""

    channels: Channels = "auto"
    """Which dimension of the layer's output its channels are: second, or last, as in a transformer's (N, tokens,
    channels). auto takes the second, and refuses three dimensions, which may be either."""

    worst_case: bool = False
    """Whether the largest change for a change of length 1 of each feature is computed too."""


@robustkit.params
class UtilitySensitivityParams(UtilityParams):
    """Parameters of `utility-sensitivity`."""

    estimator: Literal["auto", "gradient", "forward", "hutchinson", "finite"] = "auto"
    """Of sensitivity: exact by backward passes or by forward-mode passes; random projections; or noise on one feature
    at a time, which utility is then measured by too. auto: exact where that takes no more passes than `draws`, else
    random projections."""

    draws: Annotated[int, Ge(2), Le(10_000)] = 64
    """Random projections, or noise draws a feature; without effect where the estimator is exact."""

    std: Std = 0.1
    """Standard deviation of the noise of `estimator=finite`, in units of [0, 1]; below 0.0001 float32 inputs, which
    are in steps of up to 6e-8, would no longer hold it to three digits."""

    fraction: Annotated[float, Gt(0), Le(0.5)] = 0.1
    """Share of the features that sensitivity mass and contrast ratio count as top, and as bottom."""

    layer: str = ""
    """Layer whose output, averaged over positions, is the representation; empty for the logits."""

    channels: Channels = "auto"
    """Which dimension of the layer's output its channels are: second, or last, as in a transformer's (N, tokens,
    channels). auto takes the second, and refuses three dimensions, which may be either."""


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

    channels: Channels = "auto"
    """Which dimension of the layer's output its channels are: second, or last, as in a transformer's (N, tokens,
    channels). auto takes the second, and refuses three dimensions, which may be either."""
