"""Training on the data as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit import TrainingBatch
from robustkit_trainers.modes import evaluation_mode
from robustkit_trainers.params import StandardParams


class Standard(nn.Module):
    """Cross-entropy of the labels, on images or texts: the baseline of every other method."""

    def __init__(self, params: StandardParams, model: nn.Module) -> None:
        super().__init__()
        self.params = params
        self.model = model

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Return the mean cross-entropy, in nats."""
        logits = self.model(batch.inputs)
        smoothing = self.params.label_smoothing
        return {"loss": functional.cross_entropy(logits, batch.labels, label_smoothing=smoothing)}

    def correct(self, batch: TrainingBatch) -> Tensor:
        """Return (N,) bool: whether the highest logit is the label's, in evaluation mode."""
        return predicts_label(self.model, batch.inputs, batch.labels)


def predicts_label(model: nn.Module, inputs: Tensor | list[str], labels: Tensor) -> Tensor:
    """Return (N,) bool: whether the highest logit is the label's, with the model in evaluation mode.

    Args:
        model: maps the inputs to (N, classes) logits.
        inputs: N samples.
        labels: (N,) int64.
    """
    with evaluation_mode(model), torch.no_grad():
        right: Tensor = model(inputs).argmax(dim=1) == labels
    return right
