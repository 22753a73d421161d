"""Adversarial training with projected gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit import Keys, TrainingBatch
from robustkit_trainers.modes import evaluation_mode
from robustkit_trainers.params import PgdAtParams
from robustkit_trainers.standard import predicts_label


class PgdAt(nn.Module):
    """Cross-entropy on the worst inputs that PGD finds within an Linf ball (Madry et al. 2018, equation 2.1).

    The attack runs with the model in evaluation mode, so that it sees the function that will be attacked later and
    leaves the statistics of batch normalisation alone; the step that is learnt from runs in the mode the model is in.
    The last point of the attack is trained on, not the best one. What is validated is accuracy under
    the same attack.
    """

    def __init__(self, params: PgdAtParams, model: nn.Module) -> None:
        super().__init__()
        self.params = params
        self.model = model

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Return the mean cross-entropy of the attacked inputs, in nats."""
        worst = self.attack(batch)
        return {"loss": functional.cross_entropy(self.model(worst), batch.labels)}

    def correct(self, batch: TrainingBatch) -> Tensor:
        """Return (N,) bool: whether a sample is classified correctly after the attack."""
        return predicts_label(self.model, self.attack(batch), batch.labels)

    def attack(self, batch: TrainingBatch) -> Tensor:
        """Return the attacked inputs, within `radius` of the batch's and within [0, 1]."""
        assert isinstance(batch.inputs, Tensor)
        with evaluation_mode(self.model):
            return pgd(self.model, batch.inputs, batch.labels, batch.keys, self.params)


def pgd(model: nn.Module, inputs: Tensor, labels: Tensor, keys: Keys, params: PgdAtParams) -> Tensor:
    """Return the end points of signed gradient ascent on the cross-entropy from a uniform random start.

    No `.grad` is written; the points carry no graph.

    Args:
        model: in the mode that is to be attacked.
        inputs: (N, ...) float in [0, 1].
        labels: (N,) int64.
        keys: one key a sample, for the start.
        params: radius, steps and step size.
    """
    radius = params.radius
    step_size = 2.5 * radius / params.steps if params.step_size is None else params.step_size
    inputs = inputs.detach()
    lowest, highest = (inputs - radius).clamp(min=0), (inputs + radius).clamp(max=1)
    offsets = radius * (2 * keys.child("pgd start").uniform(*inputs.shape[1:]) - 1)
    points = torch.clamp(inputs + offsets.to(inputs), lowest, highest)
    for _ in range(params.steps):
        points = torch.clamp(points + step_size * _ascent(model, points, labels).sign(), lowest, highest)
    return points


def _ascent(model: nn.Module, points: Tensor, labels: Tensor) -> Tensor:
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        # The sum: a sample's step does not depend on how many others there are.
        loss = functional.cross_entropy(model(points), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, points)
    return gradient
