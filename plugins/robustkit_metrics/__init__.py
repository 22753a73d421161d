"""Metrics of one cell: from its per-sample records alone, or from the model while it is evaluated."""

from __future__ import annotations

import robustkit
from robustkit_metrics.calibration.params import ClasswiseEceParams, EceParams
from robustkit_metrics.contextual.params import (
    SensitivityParams,
    TokenUtilitySensitivityParams,
    UtilityParams,
    UtilitySensitivityParams,
)
from robustkit_metrics.contextual.ranges import AGREEMENT, bounds_of
from robustkit_metrics.groups.params import TailRecallParams, WorstGroupParams
from robustkit_metrics.params import RobustAccuracyCurveParams
from robustkit_metrics.probe.params import CoarseToFineParams, LinearProbeParams
from robustkit_metrics.similarity.params import (
    AlignmentUniformityParams,
    LinearCkaParams,
    NeuralCollapseParams,
    RepresentationRankParams,
    SimilarityParams,
)

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
        summary="expected calibration error of the top label",
        target="robustkit_metrics.calibration.ece:Ece",
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
        name="linear-cka",
        summary="how similar each layer's features of degraded inputs are to those of clean ones",
        target="robustkit_metrics.similarity.linear_cka:LinearCka",
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
        name="classwise-ece",
        summary="calibration error of the probabilities of every class, mean over classes",
        target="robustkit_metrics.calibration.classwise_ece:ClasswiseEce",
        params=ClasswiseEceParams,
        higher_is_better=False,
        bounds=(0.0, 1.0),
        needs=frozenset({"logits"}),
        tags=("calibration",),
        citation="Kull et al. (2019), Beyond temperature scaling",
    ),
    robustkit.Metric(
        name="worst-group",
        summary="accuracy of the worst of the groups that a file names, and of each",
        target="robustkit_metrics.groups.worst_group:WorstGroup",
        params=WorstGroupParams,
        higher_is_better=None,
        bounds=(0.0, 1.0),
        tags=("groups",),
        citation="Sagawa et al. (2020), Distributionally robust neural networks for group shifts",
    ),
    robustkit.Metric(
        name="worst-class",
        summary="recall of the worst class, and of each",
        target="robustkit_metrics.groups.worst_class:WorstClass",
        higher_is_better=None,
        bounds=(0.0, 1.0),
        tags=("groups",),
        citation="Sagawa et al. (2020), Distributionally robust neural networks for group shifts",
    ),
    robustkit.Metric(
        name="tail-recall",
        summary="macro recall of classes with many, some and few training samples",
        target="robustkit_metrics.groups.tail_recall:TailRecall",
        params=TailRecallParams,
        higher_is_better=True,
        bounds=(0.0, 1.0),
        tags=("groups",),
        citation="Liu et al. (2019), Large-scale long-tailed recognition in an open world",
    ),
    robustkit.Metric(
        name="consistency",
        summary="whether predictions on degraded inputs are those on the clean ones: flips, churn, kappa",
        target="robustkit_metrics.consistency.consistency:Consistency",
        higher_is_better=None,
        bounds=(0.0, 1.0),
        part_bounds={"kappa": (-1.0, 1.0)},
        needs=frozenset({"records", "clean"}),
        on="degraded",
        tags=("consistency",),
        citation="Cohen (1960), A coefficient of agreement for nominal scales",
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
    robustkit.Metric(
        name="similarity",
        summary="how similar layers are, on degraded inputs, to one another, or to a second model's",
        target="robustkit_metrics.similarity.similarity:Similarity",
        params=SimilarityParams,
        higher_is_better=None,
        needs=frozenset({"features"}),
        tags=("similarity",),
        citation="Kornblith et al. (2019), Similarity of neural network representations revisited",
    ),
    robustkit.Metric(
        name="representation-rank",
        summary="how many directions each layer's features use: effective rank, participation ratio, stable rank",
        target="robustkit_metrics.similarity.representation_rank:RepresentationRank",
        params=RepresentationRankParams,
        higher_is_better=None,
        bounds=(1.0, None),
        needs=frozenset({"features"}),
        tags=("similarity",),
        citation="Roy and Vetterli (2007), The effective rank: a measure of effective dimensionality",
    ),
    robustkit.Metric(
        name="alignment-uniformity",
        summary="how near degraded inputs stay to clean ones in each layer, and how evenly inputs spread there",
        target="robustkit_metrics.similarity.alignment_uniformity:AlignmentUniformity",
        params=AlignmentUniformityParams,
        higher_is_better=None,
        bounds=(-8.0, 4.0),
        needs=frozenset({"features"}),
        on="degraded",
        tags=("similarity",),
        citation="Wang and Isola (2020), Understanding contrastive representation learning through alignment and "
        "uniformity on the hypersphere",
    ),
    robustkit.Metric(
        name="neural-collapse",
        summary="how far features have collapsed to the means of their classes: NC1 to NC4, CDNV",
        target="robustkit_metrics.similarity.neural_collapse:NeuralCollapse",
        params=NeuralCollapseParams,
        higher_is_better=None,
        bounds=(0.0, None),
        part_bounds={"nc3": (0.0, 2.0), "nc4": (0.0, 1.0)},
        needs=frozenset({"model"}),
        tags=("similarity",),
        citation="Papyan, Han and Donoho (2020), Prevalence of neural collapse during the terminal phase of deep "
        "learning training",
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
