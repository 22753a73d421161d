"""Utility and sensitivity of the features of a batch, as parameters ask for them, a chunk of samples at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

import robustkit
from robustkit_metrics.contextual.features import make_features
from robustkit_metrics.contextual.params import (
    FeatureParams,
    SensitivityParams,
    UtilityParams,
    UtilitySensitivityParams,
)

ESTIMATORS = ("gradient", "forward", "hutchinson", "finite")
"""What the column `estimator` of a state numbers."""


class Chunk:
    """Some samples of a batch, with their features.

    Args:
        batch: of images.
        params: what a feature is.
        plan: how many samples are computed at once.

    Attributes:
        batch: these samples alone.
        inputs: (N, C, H, W), those of the batch.
        basis: of these inputs.
        plan: as given.
    """

    def __init__(self, batch: robustkit.MetricBatch, params: FeatureParams, plan: robustkit.SensitivityPlan) -> None:
        self.batch = batch
        self.inputs = images_of(batch)
        self.basis = make_features(params, self.inputs)
        self.plan = plan


def images_of(batch: robustkit.MetricBatch) -> Tensor:
    """Return the inputs of a batch of images."""
    assert isinstance(batch.inputs, Tensor)
    return batch.inputs


def plan_chunks(
    batch: robustkit.MetricBatch, params: FeatureParams, represent: Callable[[Tensor], Tensor]
) -> Iterator[Chunk]:
    """Yield the samples of a batch, as many at once as the memory allows for the estimator.

    Args:
        batch: of images.
        params: with the estimator and its draws, where there is one; the memory is for a gradient otherwise.
        represent: whose Jacobian is estimated.
    """
    inputs = images_of(batch)
    sizes = robustkit.measure_sizes(represent, inputs, make_features(params, inputs[:1]))
    if isinstance(params, SensitivityParams | UtilitySensitivityParams):
        plan = robustkit.plan_sensitivity(sizes, params.estimator, params.draws, params.memory)
    else:
        plan = robustkit.plan_sensitivity(sizes, "gradient", memory=params.memory)
    for rows in plan.slices():
        part = replace(
            batch,
            inputs=inputs[rows],
            labels=batch.labels[rows],
            keys=batch.keys.rows(rows),
            reference_labels=None if batch.reference_labels is None else batch.reference_labels[rows],
        )
        yield Chunk(part, params, plan)


def losses_of(batch: robustkit.MetricBatch, params: UtilityParams) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what maps points, and for each the row of its sample, to the losses that utility is about.

    Raises:
        robustkit.ConfigError: a second model is named, and none is given.
    """
    model, labels = (batch.reference, batch.reference_labels) if params.reference else (batch.model, batch.labels)
    if model is None or labels is None:
        raise robustkit.ConfigError(
            f"utility is asked of the model '{params.reference}', which is not here", "evaluate it in the same run"
        )
    loss = robustkit.target_loss(params.target)
    return lambda points, rows: loss(model(points), labels[rows])


def utility_of(chunk: Chunk, params: UtilityParams) -> Tensor:
    """Return (N, G): the length of the target's gradient, 0 or above; or what ablation changes, signed."""
    losses = losses_of(chunk.batch, params)
    if params.ablation != "none":
        baseline = robustkit.make_baseline(chunk.inputs, params.ablation)
        return robustkit.ablation_utility(losses, chunk.inputs, chunk.basis, baseline, chunk.plan.chunk)
    rows = torch.arange(len(chunk.inputs), device=chunk.inputs.device)
    return robustkit.gradient_utility(lambda points: losses(points, rows), chunk.inputs, chunk.basis)


def sensitivity_of(chunk: Chunk, represent: robustkit.Representation, std: float) -> robustkit.Estimated:
    """Return the sensitivity of each feature, for each unit of noise."""
    if chunk.plan.estimator != "finite":
        return robustkit.estimate_sensitivity(represent, chunk.inputs, chunk.basis, chunk.batch.keys, chunk.plan)
    return noise_effects(chunk, represent, lambda points, _: points.new_zeros(len(points)), std)[1]


def noise_effects(
    chunk: Chunk, represent: robustkit.Representation, losses: Callable[[Tensor, Tensor], Tensor], std: float
) -> tuple[robustkit.Estimated, robustkit.Estimated]:
    """Return utility and sensitivity under noise on one feature at a time, for each unit of noise."""
    found = robustkit.finite_effects(
        lambda points, rows: (losses(points, rows), represent(points)),
        chunk.inputs,
        chunk.basis,
        chunk.batch.keys,
        draws=chunk.plan.draws,
        std=std,
        batch_size=chunk.plan.chunk,
    )

    def unit(name: str, value: Tensor) -> robustkit.Estimated:
        first, second = found.halves[name]
        return robustkit.Estimated(
            value=value / std, error=found.errors[name] / std, halves=(first / std, second / std)
        )

    return unit("utility_rms", found.utility_rms), unit("sensitivity", found.sensitivity)
