"""What probes see of a model: answers and gradients for some samples, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from robustkit.engine.seeds import Keys
from robustkit.engine.trust.losses import Loss

BATCH = 32
"""Samples a pass at most: a fixed number, because the last bits of a gradient depend on it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """A model and samples to try it on.

    Attributes:
        model: in evaluation mode, parameters frozen.
        images: (n, C, H, W) float32 in [0, 1].
        labels: (n,) int64, as the model counts classes.
        keys: one random key a sample.
        size: samples a pass.
    """

    model: nn.Module
    images: Tensor
    labels: Tensor
    keys: Keys
    size: int = BATCH

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, index: Tensor) -> Sight:
        """Return the same model with some of the samples: positions or a mask."""
        return replace(self, images=self.images[index], labels=self.labels[index], keys=self.keys.rows(index))

    def logits(self, points: Tensor | None = None, size: int | None = None) -> Tensor:
        """Return (n, K) logits of the points, one for each sample; without points of the samples themselves."""
        points = self.images if points is None else points
        with torch.no_grad():
            return torch.cat([self.model(part) for part in torch.split(points, size or self.size)])

    def wrong(self, points: Tensor) -> Tensor:
        """Return (n,) bool: where the model does not give the label."""
        return self.logits(points).argmax(dim=1) != self.labels

    def look(self, points: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss's gradients (n, C, H, W), logits and losses of the points.

        Raises:
            RuntimeError: the logits have no gradient, as torch says it.
        """
        found = [self._look(part, labels, loss) for part, labels in self._parts(points)]
        gradients, logits, values = (torch.cat(each) for each in zip(*found, strict=True))
        return gradients, logits, values

    def _parts(self, points: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(torch.split(points, self.size), torch.split(self.labels, self.size), strict=True)

    def _look(self, points: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            points = points.detach().clone().requires_grad_()
            logits = self.model(points)
            values = loss(logits, labels)
        (gradient,) = torch.autograd.grad(values.sum(), points, materialize_grads=True)
        return gradient, logits.detach(), values.detach()
