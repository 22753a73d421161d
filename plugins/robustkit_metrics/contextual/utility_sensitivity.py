"""Contextual utility and sensitivity of features of images, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

import robustkit
from robustkit_metrics.contextual.describing import LEAST_RELIABILITY, error_note, reliability_of, spec_of
from robustkit_metrics.contextual.disattenuated import correct_for_noise
from robustkit_metrics.contextual.measuring import (
    ESTIMATORS,
    Chunk,
    losses_of,
    noise_effects,
    plan_chunks,
    sensitivity_of,
    utility_of,
)
from robustkit_metrics.contextual.params import UtilitySensitivityParams
from robustkit_metrics.contextual.sample_columns import CHANCE, HIDDEN, Said, append, chosen, estimate_means
from robustkit_metrics.groups.frequency import Frequencies

OWN = HIDDEN + "own reference"
OWN_NOTE = "the model is its own reference: its utility and sensitivity are coupled, as without a reference"


@dataclass(frozen=True)
class UtilitySensitivity:
    """Whether the features to which a model is sensitive are those that are useful to it, sample by sample.

    Utility is how much the cross-entropy of the label changes with a feature, sensitivity how much the representation
    does: robustkit's definitions, after Kim et al. (2021). Where both come from the same model, they are coupled:
    `rank-correlation-excess` is what the rank correlation has beyond that of a loss of another direction,
    `loss-aligned-fraction`, for logits and exact sensitivity only, what remains of utility; `reference` asks another
    model. The parts are means over samples with Student's t-interval; of `contrast-ratio`, the geometric mean. See
    `robustkit.agreement`.
    """

    params: UtilitySensitivityParams
    frequencies: Frequencies = field(init=False)

    def __post_init__(self) -> None:
        """Read the counts of the classes, if a file is named."""
        params = self.params
        object.__setattr__(self, "frequencies", Frequencies.of(params.counts, params.many, params.few))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer that is the representation, if one is named: the host looks for it before anything is computed."""
        return (self.params.layer,) if self.params.layer else ()

    @property
    def reference(self) -> str:
        """The model of the run that utility is asked of; empty for the evaluated one."""
        return self.params.reference

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return one column for each part, with one number a sample; NaN where it is undefined."""
        represent = robustkit.Representation(batch.model, self.params.layer, self.params.channels)
        return append([self._columns(chunk, represent) for chunk in plan_chunks(batch, self.params, represent)])

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the columns of all samples."""
        return append(states)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the mean of each column; samples for which it is undefined are left out, and counted in the note."""
        columns = append(chunks)
        spec = spec_of(self.params, columns)
        found = self._estimate(columns, spec)
        for group, rows in self.frequencies.split(columns["about label"]).items():
            found |= {f"{group}/{part}": each for part, each in self._estimate(chosen(columns, rows), spec).items()}
        return found

    def _estimate(self, columns: robustkit.State, spec: str) -> dict[str, robustkit.Estimate]:
        reliability = reliability_of(columns)
        doubt = {}
        if reliability is not None and reliability < LEAST_RELIABILITY:
            doubt["rank-correlation"] = (
                f"too few draws: the ranks of sensitivity have a reliability of {reliability:.2f}; raise draws"
            )
        notes = (OWN_NOTE if columns.get(OWN, np.zeros(1)).any() else "", error_note(columns))
        said = Said(spec=spec, note="; ".join(filter(None, notes)), unreliable=doubt)
        return estimate_means(columns, said) | correct_for_noise(columns, spec)

    def _columns(self, chunk: Chunk, represent: robustkit.Representation) -> robustkit.State:
        utility, sensitivity = self._measure(chunk, represent)
        with torch.no_grad():
            length = represent(chunk.inputs).norm(dim=1)
        given = (utility.value, sensitivity.value, length, self.params.fraction)
        agreement = robustkit.agreement(*given)
        ranks = agreement["rank-correlation"]
        columns = {CHANCE + name: each for name, each in robustkit.agreement_by_chance(*given).items()}
        # First what says how much of the rest is arithmetic: a terminal has no room for all.
        columns["rank-correlation"] = ranks
        columns |= self._coupling(chunk, represent, utility.value, sensitivity.value, ranks)
        columns |= agreement
        columns[HIDDEN + "label"] = chunk.batch.labels
        if self.params.reference:
            columns[OWN] = torch.full_like(length, not _asks_another(chunk.batch))
        columns[HIDDEN + "estimator"] = torch.full_like(length, ESTIMATORS.index(chunk.plan.estimator))
        if not chunk.plan.is_exact:
            columns |= _own_error(utility, sensitivity)
        return {name: np.asarray(column.double().cpu()) for name, column in columns.items()}

    def _measure(
        self, chunk: Chunk, represent: robustkit.Representation
    ) -> tuple[robustkit.Estimated, robustkit.Estimated]:
        params = self.params
        if chunk.plan.estimator == "finite" and params.ablation == "none":
            return noise_effects(chunk, represent, losses_of(chunk.batch, params), params.std)
        utility = utility_of(chunk, params).abs()
        known = robustkit.Estimated(value=utility, error=torch.zeros_like(utility), halves=(utility, utility))
        return known, sensitivity_of(chunk, represent, params.std)

    def _coupling(
        self, chunk: Chunk, represent: robustkit.Representation, utility: Tensor, sensitivity: Tensor, ranks: Tensor
    ) -> dict[str, Tensor]:
        """Return columns that set apart what gradients of one model have in common by arithmetic."""
        params = self.params
        if _asks_another(chunk.batch) or params.ablation != "none" or chunk.plan.estimator == "finite":
            return {}
        slope = _slope(chunk, params)
        other = robustkit.utility_along(represent, chunk.inputs, chunk.basis, _other_direction(chunk, represent, slope))
        by_chance = robustkit.rank_correlation(other, sensitivity)
        columns = {CHANCE + "rank-correlation": by_chance, "rank-correlation-excess": ranks - by_chance}
        if chunk.plan.is_exact and not params.layer:
            aligned = robustkit.loss_aligned_fraction(utility, sensitivity, slope.norm(dim=1))
            columns["loss-aligned-fraction"] = aligned.nanmean(dim=1)
        return columns


def _asks_another(batch: robustkit.MetricBatch) -> bool:
    """Return whether utility is that of another model than sensitivity; a model may be named as its own reference."""
    return batch.reference is not None and batch.reference is not batch.model


def _slope(chunk: Chunk, params: UtilitySensitivityParams) -> Tensor:
    """Return (N, classes): the gradient of the target with respect to the logits."""
    with torch.no_grad():
        logits = chunk.batch.model(chunk.inputs)
    loss = robustkit.target_loss(params.target)
    return robustkit.loss_slope(loss, logits, chunk.batch.labels)


def _other_direction(chunk: Chunk, represent: robustkit.Representation, slope: Tensor) -> Tensor:
    """Return (N, m): for logits the slope of the target with its entries shuffled; for a layer, random signs."""
    keys = chunk.batch.keys.child("another loss")
    if represent.is_logits:
        return slope.gather(1, keys.uniform(slope.shape[1]).argsort(dim=1).to(slope.device))
    with torch.no_grad():
        outputs = represent(chunk.inputs[:1]).shape[1]
    return (2 * keys.integers(0, 2, outputs) - 1).to(slope)


def _own_error(utility: robustkit.Estimated, sensitivity: robustkit.Estimated) -> dict[str, Tensor]:
    """Return columns about the error that random draws make: its size, and how both halves of the draws agree."""
    (u, other_u), (s, other_s) = utility.halves, sensitivity.halves
    ranks = robustkit.rank_correlation
    known = sensitivity.value > 0
    relative = torch.where(known, sensitivity.error / sensitivity.value.where(known, torch.ones_like(s)), torch.nan)
    return {
        HIDDEN + "error": relative.nanmean(dim=1),
        HIDDEN + "halves": (ranks(u, other_s) + ranks(other_u, s)) / 2,
        HIDDEN + "reliability of utility": ranks(u, other_u),
        HIDDEN + "reliability of sensitivity": ranks(s, other_s),
    }
