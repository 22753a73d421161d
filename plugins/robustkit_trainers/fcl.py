"""Feature contrastive learning."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit import (
    ConfigError,
    Keys,
    Partition,
    Representation,
    TrainingBatch,
    gradient_utility,
    make_basis,
    select_features,
)
from robustkit_trainers.losses import feature_contrastive_loss
from robustkit_trainers.modes import evaluation_mode
from robustkit_trainers.params import FclParams
from robustkit_trainers.standard import predicts_label


class Fcl(nn.Module):
    """Cross-entropy, and a contrast between noise that should not matter and noise that should.

    robustkit's formulation, after Kim et al. (2021); not the authors' code: only that paper's abstract-level
    definitions are public. The features of lowest utility B and of highest utility H of each sample are found by the
    gradient of its cross-entropy. One positive view z + xi 1_B should keep the direction of the embedding h(z), and M
    negative views z + xi_m 1_H should change it: L = CE + weight * mean of `feature_contrastive_loss`.

    robustkit's further choices: views are clipped to [0, 1]; B and H are found at each step with the model in
    evaluation mode, and no gradient flows through them; the cross-entropy sees the samples as they are, in a pass of
    its own, and the views share another, so that batch normalisation treats them alike.
    """

    def __init__(self, params: FclParams, model: nn.Module) -> None:
        super().__init__()
        self.params = params
        self.model = model
        self.embed = Representation(model, params.layer)

    def check_inputs(self, shape: tuple[int, int, int]) -> None:
        """Raise ConfigError if images of this shape have fewer than two features to choose from."""
        basis = self._basis(shape)
        if basis.size < 2:
            params, (_, height, width) = self.params, shape
            raise ConfigError(
                f"fcl: basis={params.basis},patch={params.patch} makes {basis.size} feature of images of "
                f"{height}x{width} pixels; at least 2 are needed",
                "take smaller patches, or basis=pixel",
            )

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Return the loss and its two parts, in nats; during the warm-up, the cross-entropy alone."""
        cross_entropy = functional.cross_entropy(self.model(batch.inputs), batch.labels)
        if batch.epoch < self.params.warmup * batch.epochs:
            return {"loss": cross_entropy, "cross_entropy": cross_entropy.detach()}
        contrastive = self.contrast(batch).mean()
        return {
            "loss": cross_entropy + self.params.weight * contrastive,
            "cross_entropy": cross_entropy.detach(),
            "contrastive": contrastive.detach(),
        }

    def contrast(self, batch: TrainingBatch) -> Tensor:
        """Return (N,): the contrastive loss of each sample."""
        assert isinstance(batch.inputs, Tensor)
        with evaluation_mode(self.model):
            low, high = self.masks(batch.inputs, batch.labels, batch.keys)
        views = make_views(batch.inputs, low, high, batch.keys, self.params)
        embeddings = self.embed(views.flatten(0, 1)).reshape(*views.shape[:2], -1)
        return feature_contrastive_loss(
            embeddings[0], embeddings[1], embeddings[2:].movedim(0, 1), self.params.temperature
        )

    def masks(self, inputs: Tensor, labels: Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        """Return two masks like `inputs`: where each sample's features of low and of high utility are.

        Under `selection=random` a random number stands for the utility, another one in each epoch.
        """
        channels, height, width = inputs.shape[1:]
        basis = self._basis((channels, height, width))
        if self.params.selection == "random":
            utility = keys.child("fcl selection").uniform(basis.size).to(inputs)
        else:
            utility = gradient_utility(
                lambda points: functional.cross_entropy(self.model(points), labels, reduction="none"), inputs, basis
            )
        low, high = select_features(utility, self.params.fraction)
        return basis.spread(low), basis.spread(high)

    def correct(self, batch: TrainingBatch) -> Tensor:
        """Return (N,) bool: whether the highest logit is the label's, on the samples as they are."""
        return predicts_label(self.model, batch.inputs, batch.labels)

    def _basis(self, shape: tuple[int, int, int]) -> Partition:
        return make_basis(self.params.basis, shape, self.params.patch)


def make_views(inputs: Tensor, low: Tensor, high: Tensor, keys: Keys, params: FclParams) -> Tensor:
    """Return (2 + M, N, ...): the inputs as they are, once with noise on `low`, and M times with noise on `high`.

    Args:
        inputs: (N, ...) float in [0, 1].
        low: bool, like `inputs`: where the features of low utility are.
        high: the same for high utility.
        keys: one key a sample, for the noise.
        params: standard deviation, and how many negatives.
    """
    shape = inputs.shape[1:]
    noise = (params.std * keys.child("fcl views").normal(1 + params.negatives, *shape)).to(inputs).movedim(1, 0)
    noisy = [inputs + low * noise[0], *(inputs + high * each for each in noise[1:])]
    return torch.stack([inputs, *(view.clamp(0, 1) for view in noisy)])
