"""The metrics of utility and sensitivity. Light: listing components imports this module."""

from __future__ import annotations

import robustkit
from robustkit_metrics.contextual.params import (
    SensitivityParams,
    TokenUtilitySensitivityParams,
    UtilityParams,
    UtilitySensitivityParams,
)
from robustkit_metrics.contextual.ranges import AGREEMENT, bounds_of

_KIM = "Kim et al. (2021), Balancing robustness and sensitivity using feature contrastive learning"

_CAVEAT = "robustkit's definition, after Kim et al. 2021"

METRICS = (
    robustkit.Metric(
        name="utility-sensitivity",
        summary="whether the model is sensitive to the features of an image that are useful to it",
        target="robustkit_metrics.contextual.utility_sensitivity:UtilitySensitivity",
        params=UtilitySensitivityParams,
        resolve="robustkit_metrics.contextual.features:check_compared",
        higher_is_better=None,
        part_bounds=bounds_of(*AGREEMENT, "loss-aligned-fraction", "rank-correlation-excess"),
        needs=frozenset({"model"}),
        on="clean",
        modality="image",
        tags=("contextual",),
        citation=_KIM,
        caveat=_CAVEAT,
    ),
    robustkit.Metric(
        name="token-utility-sensitivity",
        summary="whether the model is sensitive to the words that are useful to it",
        target="robustkit_metrics.contextual.token_utility_sensitivity:TokenUtilitySensitivity",
        params=TokenUtilitySensitivityParams,
        higher_is_better=None,
        part_bounds=bounds_of(*AGREEMENT),
        needs=frozenset({"model"}),
        on="clean",
        modality="text",
        tags=("contextual",),
        citation=_KIM,
        caveat=_CAVEAT,
    ),
    robustkit.Metric(
        name="utility",
        summary="how much the loss changes with the features of an image, and with which",
        target="robustkit_metrics.contextual.profiles:Utility",
        params=UtilityParams,
        resolve="robustkit_metrics.contextual.features:check_features",
        higher_is_better=None,
        part_bounds=bounds_of("norm", "useful"),
        needs=frozenset({"model"}),
        on="clean",
        modality="image",
        tags=("contextual",),
        citation=_KIM,
        caveat=_CAVEAT,
    ),
    robustkit.Metric(
        name="sensitivity",
        summary="how much the representation changes with the features of an image, and with which",
        target="robustkit_metrics.contextual.profiles:Sensitivity",
        params=SensitivityParams,
        resolve="robustkit_metrics.contextual.features:check_features",
        higher_is_better=None,
        bounds=(0.0, None),
        needs=frozenset({"model"}),
        on="clean",
        modality="image",
        tags=("contextual",),
        citation=_KIM,
        caveat=_CAVEAT,
    ),
)
