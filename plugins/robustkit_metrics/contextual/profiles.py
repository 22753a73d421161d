"""Utility and sensitivity each alone: how large they are, and on which features they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from torch import Tensor

import robustkit
from robustkit_metrics.contextual.describing import error_note, spec_of
from robustkit_metrics.contextual.features import Shape, feature_names, white_shares
from robustkit_metrics.contextual.measuring import ESTIMATORS, Chunk, plan_chunks, sensitivity_of, utility_of
from robustkit_metrics.contextual.params import FeatureParams, SensitivityParams, UtilityParams
from robustkit_metrics.contextual.sample_columns import CHANCE, HIDDEN, Said, append, chosen, estimate_means
from robustkit_metrics.groups.frequency import Frequencies

MOST_OUTPUTS = 128
"""The worst case takes m (m + 1) / 2 energies of m outputs."""

Columns = dict[str, Tensor]


@dataclass(frozen=True)
class _Profile:
    """What both have in common: one column a part, averaged over samples, and in each group of classes."""

    params: FeatureParams
    frequencies: Frequencies = field(init=False)

    def __post_init__(self) -> None:
        """Read the counts of the classes, if a file is named."""
        params = self.params
        object.__setattr__(self, "frequencies", Frequencies.of(params.counts, params.many, params.few))

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the columns of all samples."""
        return append(states)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the mean of each column; samples for which it is undefined are left out, and counted in the note."""
        columns = append(chunks)
        said = Said(spec=spec_of(self.params, columns), note=error_note(columns))
        found = estimate_means(columns, said)
        for group, rows in self.frequencies.split(columns["about label"]).items():
            parts = estimate_means(chosen(columns, rows), said)
            found |= {f"{group}/{part}": each for part, each in parts.items()}
        return found

    def state(self, chunk: Chunk, columns: Columns) -> robustkit.State:
        """Return the columns of a chunk as arrays, with the labels."""
        columns[HIDDEN + "label"] = chunk.batch.labels
        return {name: np.asarray(column.double().cpu()) for name, column in columns.items()}


@dataclass(frozen=True)
class Utility(_Profile):
    """How much the cross-entropy of the label changes with the features of an image, and with which.

    robustkit's definition, after Kim et al. (2021). By gradient: `norm` is the length of the whole gradient, `mean`
    that within a feature, on average; `share/FEATURE` is a feature's share of the squares, where all images have the
    same few features. By ablation: `mean` is the change of the target when a feature is replaced, on average, `useful`
    the share of the features without which it rises, `change/FEATURE` what it does for one feature.
    """

    params: UtilityParams

    @property
    def reference(self) -> str:
        """The model of the run that utility is asked of; empty for the evaluated one."""
        return self.params.reference

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return one column for each part, with one number a sample; NaN where it is undefined."""
        model = batch.reference if self.params.reference and batch.reference is not None else batch.model
        return append([self.state(chunk, self._columns(chunk)) for chunk in plan_chunks(batch, self.params, model)])

    def _columns(self, chunk: Chunk) -> Columns:
        utility = utility_of(chunk, self.params).double()
        if self.params.ablation == "none":
            norm = utility.square().sum(dim=1).sqrt()
            return {"norm": norm, "mean": utility.mean(dim=1)} | _shares(chunk, self.params, utility)
        names = feature_names(self.params, cast("Shape", tuple(chunk.inputs.shape[1:])))
        changes = {f"change/{name}": utility[:, feature] for feature, name in enumerate(names)}
        return {"mean": utility.mean(dim=1), "useful": (utility > 0).double().mean(dim=1)} | changes


@dataclass(frozen=True)
class Sensitivity(_Profile):
    """How much a representation changes with the features of an image, and with which.

    robustkit's definition, after Kim et al. (2021). `jacobian-norm` is the Frobenius norm of the whole Jacobian,
    `relative` the same relative to the length of the representation; `share/FEATURE` is a feature's share of the
    squares, where all images have the same few features; `worst-case` the largest change for a change of length 1 of a
    feature, relative to the length of the representation, on average over features.
    """

    params: SensitivityParams

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer that is the representation, if one is named: the host looks for it before anything is computed."""
        return (self.params.layer,) if self.params.layer else ()

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return one column for each part, with one number a sample; NaN where it is undefined."""
        represent = robustkit.Representation(batch.model, self.params.layer, self.params.channels)
        chunks = plan_chunks(batch, self.params, represent)
        return append([self.state(chunk, self._columns(chunk, represent)) for chunk in chunks])

    def _columns(self, chunk: Chunk, represent: robustkit.Representation) -> Columns:
        found = sensitivity_of(chunk, represent, self.params.std)
        with torch.no_grad():
            outputs = represent(chunk.inputs).double()
        length = outputs.norm(dim=1)
        # Squares are unbiased where roots are not, and the features of every basis add up to the whole.
        norm = found.value.double().square().sum(dim=1).sqrt()
        columns = {"jacobian-norm": norm, "relative": _relative(norm, length)}
        columns |= _shares(chunk, self.params, found.value.double())
        if self.params.worst_case:
            _require_few(outputs.shape[1])
            worst = robustkit.worst_case_sensitivity(represent, chunk.inputs, chunk.basis).double()
            columns["worst-case"] = _relative(worst.mean(dim=1), length)
        columns[HIDDEN + "estimator"] = torch.full_like(length, ESTIMATORS.index(chunk.plan.estimator))
        if not chunk.plan.is_exact:
            known = found.value > 0
            error = torch.where(known, found.error / found.value.where(known, torch.ones_like(found.value)), torch.nan)
            columns[HIDDEN + "error"] = error.nanmean(dim=1)
        return columns


def _shares(chunk: Chunk, params: FeatureParams, lengths: Tensor) -> Columns:
    """Return the share of each feature in the squares, and what it would be if no direction were special."""
    names = feature_names(params, cast("Shape", tuple(chunk.inputs.shape[1:])))
    if not names:
        return {}
    squares = lengths.square()
    total = squares.sum(dim=1)
    columns: Columns = {}
    for feature, (name, white) in enumerate(zip(names, white_shares(chunk.basis), strict=True)):
        columns[f"share/{name}"] = _relative(squares[:, feature], total)
        columns[f"{CHANCE}share/{name}"] = torch.full_like(total, float(white))
    return columns


def _relative(value: Tensor, length: Tensor) -> Tensor:
    return torch.where(length > 0, value / length.where(length > 0, torch.ones_like(length)), torch.nan)


def _require_few(outputs: int) -> None:
    if outputs > MOST_OUTPUTS:
        raise robustkit.ConfigError(
            f"worst-case is for representations of at most {MOST_OUTPUTS} components, this one has {outputs}",
            "leave worst-case out, or name a smaller layer",
        )
