"""Metrics of one cell: from its per-sample records alone, or from the model while it is evaluated."""

from __future__ import annotations

import robustkit
from robustkit_metrics.calibration.params import ClasswiseEceParams, EceParams
from robustkit_metrics.contextual.declared import METRICS as CONTEXTUAL
from robustkit_metrics.groups.params import TailRecallParams, WorstGroupParams
from robustkit_metrics.params import RobustAccuracyCurveParams
from robustkit_metrics.probe.declared import METRICS as PROBE
from robustkit_metrics.similarity.declared import METRICS as SIMILARITY

robustkit_api = 1

_CARLINI = "Carlini et al. (2019), On evaluating adversarial robustness"

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
)


@robustkit.hookimpl
def robustkit_metrics() -> list[robustkit.Metric]:
    """Return the plugin's metrics."""
    return [*_METRICS, *CONTEXTUAL, *SIMILARITY, *PROBE]
