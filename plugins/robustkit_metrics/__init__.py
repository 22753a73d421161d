"""Metrics of one cell: from its per-sample records alone, or from the model while it is evaluated."""

from __future__ import annotations

import robustkit
from robustkit_metrics.params import (
    EceParams,
    LinearCkaParams,
    RobustAccuracyCurveParams,
    TokenUtilitySensitivityParams,
    UtilitySensitivityParams,
)
from robustkit_metrics.probe.params import CoarseToFineParams, LinearProbeParams
from robustkit_metrics.ranges import PART_BOUNDS

robustkit_api = 1

_KIM = "Kim et al. (2021), Balancing robustness and sensitivity using feature contrastive learning"
_CARLINI = "Carlini et al. (2019), On evaluating adversarial robustness"
_CAVEAT = "robustkit's definition, after Kim et al. 2021"
_CONVEX = (
    "papers train this probe with AdamW for 100 epochs and with augmentation on the training images; here a convex fit "
    "is cross-fitted on the evaluated samples"
)

_METRICS = (
    robustkit.Metric(
        name="accuracy",
        summary="share of samples whose prediction is the label",
        target="robustkit_metrics.accuracy:Accuracy",
        higher_is_better=True,
        bounds=(0.0, 1.0),
        default=True,
        tags=("utility",),
    ),
    robustkit.Metric(
        name="nll",
        summary="mean negative log-likelihood of the label, in nats",
        target="robustkit_metrics.nll:Nll",
        higher_is_better=False,
        bounds=(0.0, None),
        default=True,
        tags=("calibration",),
    ),
    robustkit.Metric(
        name="brier",
        summary="mean Brier score, summed over classes (0 to 2)",
        target="robustkit_metrics.brier:Brier",
        higher_is_better=False,
        bounds=(0.0, 2.0),
        default=True,
        tags=("calibration",),
        citation="Brier (1950), Verification of forecasts expressed in terms of probability",
    ),
    robustkit.Metric(
        name="ece",
        summary="expected calibration error of the top label, equal-width bins",
        target="robustkit_metrics.ece:Ece",
        params=EceParams,
        higher_is_better=False,
        bounds=(0.0, 1.0),
        default=True,
        tags=("calibration",),
        citation="Guo et al. (2017), On calibration of modern neural networks, section 2",
    ),
    robustkit.Metric(
        name="attack-success-rate",
        summary="share of the samples that were right that the attack broke",
        target="robustkit_metrics.attack_success_rate:AttackSuccessRate",
        higher_is_better=False,
        bounds=(0.0, 1.0),
        on="attacked",
        default=True,
        tags=("robustness",),
        citation=_CARLINI,
    ),
    robustkit.Metric(
        name="robust-accuracy-curve",
        summary="robust accuracy against eps and the median adversarial norm, from one run of an attack",
        target="robustkit_metrics.robust_accuracy_curve:RobustAccuracyCurve",
        params=RobustAccuracyCurveParams,
        higher_is_better=True,
        bounds=(0.0, 1.0),
        part_bounds={"median-norm": (0.0, None)},
        on="attacked",
        tags=("robustness",),
        citation=_CARLINI,
    ),
    robustkit.Metric(
        name="utility-sensitivity",
        summary="whether the model is sensitive to the pixels or patches that are useful to it",
        target="robustkit_metrics.utility_sensitivity:UtilitySensitivity",
        params=UtilitySensitivityParams,
        resolve="robustkit_metrics.utility_sensitivity:check_basis",
        higher_is_better=None,
        part_bounds=PART_BOUNDS,
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
        target="robustkit_metrics.token_utility_sensitivity:TokenUtilitySensitivity",
        params=TokenUtilitySensitivityParams,
        higher_is_better=None,
        part_bounds=PART_BOUNDS,
        needs=frozenset({"model"}),
        on="clean",
        modality="text",
        tags=("contextual",),
        citation=_KIM,
        caveat=_CAVEAT,
    ),
    robustkit.Metric(
        name="linear-cka",
        summary="how similar each layer's features of degraded inputs are to those of clean ones",
        target="robustkit_metrics.linear_cka:LinearCka",
        params=LinearCkaParams,
        higher_is_better=None,
        bounds=(-1.0, 1.0),
        needs=frozenset({"features"}),
        on="degraded",
        tags=("similarity",),
        citation="Kornblith et al. (2019), Similarity of neural network representations revisited; "
        "unbiased by Song et al. (2012), Feature selection via dependence maximization",
    ),
    robustkit.Metric(
        name="linear-probe",
        summary="how much of the labels a linear classifier of clean features reads off each layer, clean and degraded",
        target="robustkit_metrics.probe.linear_probe:LinearProbe",
        params=LinearProbeParams,
        higher_is_better=True,
        bounds=(0.0, 1.0),
        needs=frozenset({"features"}),
        tags=("probe",),
        citation="Alain and Bengio (2017), Understanding intermediate layers using linear classifier probes; control "
        "task by Hewitt and Liang (2019), Designing and interpreting probes with control tasks",
    ),
    robustkit.Metric(
        name="coarse-to-fine",
        summary="how much a representation that was trained on coarse labels says about fine ones",
        target="robustkit_metrics.probe.coarse_to_fine:CoarseToFine",
        params=CoarseToFineParams,
        higher_is_better=None,
        part_bounds={
            **dict.fromkeys(("accuracy", "top-1", "ceiling"), (0.0, 1.0)),
            **dict.fromkeys(("nc1", "cdnv"), (0.0, None)),
        },
        needs=frozenset({"model"}),
        tags=("probe",),
        citation="Chen et al. (2022), Perfectly balanced: improving transfer and robustness of supervised contrastive "
        "learning; Galanti et al. (2022), On the role of neural collapse in transfer learning",
        caveat=_CONVEX,
    ),
)


@robustkit.hookimpl
def robustkit_metrics() -> list[robustkit.Metric]:
    """Return the plugin's metrics."""
    return list(_METRICS)
