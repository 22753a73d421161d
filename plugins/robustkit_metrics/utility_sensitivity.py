"""Contextual utility and sensitivity of pixels or patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

import robustkit
from robustkit_metrics.params import UtilitySensitivityParams
from robustkit_metrics.sample_columns import append, estimate_means


@dataclass(frozen=True)
class UtilitySensitivity:
    """Whether the features to which a model is sensitive are those that are useful to it, sample by sample.

    Utility is how much the cross-entropy of the label changes with a feature, sensitivity how much the representation
    does: robustkit's definitions, after Kim et al. (2021). Both come from the same model, which couples them: the
    `loss-aligned-fraction`, for logits and exact gradients only, is what remains of utility without that. The parts are
    means over samples with Student's t-interval; of `contrast-ratio`, the geometric mean. See `robustkit.agreement`.
    """

    params: UtilitySensitivityParams

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer that is the representation, if one is named: the host looks for it before anything is computed."""
        return (self.params.layer,) if self.params.layer else ()

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return one column for each part, with one number a sample; NaN where it is undefined."""
        assert isinstance(batch.inputs, Tensor)
        channels, height, width = batch.inputs.shape[1:]
        inputs, basis = (
            batch.inputs,
            robustkit.make_basis(self.params.basis, (channels, height, width), self.params.patch),
        )
        represent = robustkit.Representation(batch.model, self.params.layer)
        with torch.no_grad():
            length = represent(inputs).norm(dim=1)
        if self.params.estimator == "finite":
            utility, sensitivity = self._finite(batch, inputs, basis, represent)
        else:
            utility, sensitivity = self._gradient(batch, inputs, basis, represent)
        columns = robustkit.agreement(utility, sensitivity, length, self.params.fraction)
        if self.params.estimator == "gradient" and not self.params.layer:
            aligned = robustkit.loss_aligned_fraction(utility, sensitivity, _slope(batch))
            columns["loss-aligned-fraction"] = aligned.nanmean(dim=1)
        return {name: column.double().cpu().numpy() for name, column in columns.items()}

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the columns of all samples."""
        return append(states)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the mean of each column; samples for which it is undefined are left out, and counted in the note."""
        return estimate_means(append(chunks))

    def _gradient(
        self,
        batch: robustkit.MetricBatch,
        inputs: Tensor,
        basis: robustkit.FeatureBasis,
        represent: robustkit.Representation,
    ) -> tuple[Tensor, Tensor]:
        def loss(points: Tensor) -> Tensor:
            return functional.cross_entropy(batch.model(points), batch.labels, reduction="none")

        draws = self.params.draws if self.params.estimator == "hutchinson" else 0
        utility = robustkit.gradient_utility(loss, inputs, basis)
        return utility, robustkit.gradient_sensitivity(represent, inputs, basis, batch.keys, draws)[0]

    def _finite(
        self,
        batch: robustkit.MetricBatch,
        inputs: Tensor,
        basis: robustkit.FeatureBasis,
        represent: robustkit.Representation,
    ) -> tuple[Tensor, Tensor]:
        """Return the finite estimates for each unit of noise, so that they compare with gradients."""
        draws, std = self.params.draws, self.params.std
        respond = represent.respond(batch.labels)
        found = robustkit.finite_effects(respond, inputs, basis, batch.keys, draws=draws, std=std)
        return found.utility_rms / std, found.sensitivity / std


def check_basis(params: UtilitySensitivityParams, shape: tuple[int, int, int]) -> UtilitySensitivityParams:
    """Return the parameters, if they make at least two features of images (C, H, W).

    Raises:
        robustkit.ConfigError: there is one, which compares with nothing.
    """
    _, height, width = shape
    side = params.patch if params.basis == "patch" else 1
    if side >= max(height, width):
        raise robustkit.ConfigError(
            f"utility-sensitivity: expected at least two features, but images of {height}x{width} have one "
            f"{params.basis} of {side}x{side}",
            f"set patch to less than {max(height, width)}",
        )
    return params


def _slope(batch: robustkit.MetricBatch) -> Tensor:
    """Return (N,): the length of the cross-entropy's gradient with respect to the logits, p - e_label."""
    with torch.no_grad():
        logits: Tensor = batch.model(batch.inputs)
        gradient = logits.softmax(dim=1) - functional.one_hot(batch.labels, logits.shape[1])
        length: Tensor = gradient.norm(dim=1)
    return length
