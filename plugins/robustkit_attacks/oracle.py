"""The model as attacks see it: asked in full batches, every pass counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from robustkit import RunError

Objective = Callable[[Tensor, Tensor], Tensor]
"""From (n, classes) float64 logits and the (n,) rows that they are of to (n,) values, which an attack raises."""


class Oracle:
    """Answers questions about points, at most `model.batch_size` of them in a pass.

    An attack asks about all samples that still stand at once: while samples drop out, the passes stay full.

    Args:
        model: maps (n, …) points to (n, classes) logits. Without an attribute `batch_size`, every question is one pass.
        labels: (N,) int64.
        averaged: how many gradients are averaged (expectation over transformations, for models that draw random
            numbers; Athalye et al. 2018).

    Attributes:
        labels: (N,) int64.
        forwards: (N,) int64, forward passes spent on each sample.
        backwards: (N,) int64, backward passes.
    """

    def __init__(self, model: nn.Module, labels: Tensor, averaged: int = 1) -> None:
        self._model, self._averaged = model, averaged
        self._size = int(getattr(model, "batch_size", 0)) or max(1, len(labels))
        self.labels = labels
        self.forwards, self.backwards = torch.zeros_like(labels), torch.zeros_like(labels)

    def logits(self, rows: Tensor, points: Tensor) -> Tensor:
        """Return (n, classes) float64 logits, without gradients.

        In float64 the loss of a confident model still tells better points from worse ones.

        Args:
            rows: (n,) which samples, at least one.
            points: (n, …) one input for each.
        """
        self.forwards[rows] += 1
        with torch.no_grad():
            return torch.cat([self._model(points[part]).double() for part in self._parts(rows)])

    def slope(self, rows: Tensor, points: Tensor, objective: Objective) -> tuple[Tensor, Tensor, Tensor]:
        """Return (n, classes) float64 logits, (n,) float64 values of an objective, and (n, …) its gradient.

        The gradient is zero where it is not a number. Only the points are differentiated: the model's parameters and
        their `.grad` are left alone. Where gradients are averaged, logits and values are those of the last pass.

        Args:
            rows: (n,) which samples, at least one.
            points: (n, …) one input for each.
            objective: of the logits.

        Raises:
            RunError: the logits have no gradient.
        """
        self.forwards[rows] += self._averaged
        self.backwards[rows] += self._averaged
        answers = [self._slope(rows[part], points[part], objective) for part in self._parts(rows)]
        if len(answers) == 1:
            return answers[0]
        logits, values, gradients = (torch.cat(each) for each in zip(*answers, strict=True))
        return logits, values, gradients

    def fooled(self, rows: Tensor, logits: Tensor) -> Tensor:
        """Return (n,) bool, where the logits are of another class than the label.

        Logits that are not finite are a defect to be reported by the evaluator, not a success.
        """
        return (logits.argmax(dim=1) != self.labels[rows]) & logits.isfinite().all(dim=1)

    def _slope(self, rows: Tensor, points: Tensor, objective: Objective) -> tuple[Tensor, Tensor, Tensor]:
        logits, values, total = self._differentiated(rows, points, objective)
        for _ in range(self._averaged - 1):
            logits, values, gradient = self._differentiated(rows, points, objective)
            # Not in place: autograd may hand out one number in the place of many.
            total = total + gradient
        total = total if self._averaged == 1 else total / self._averaged
        # A sum says whether any number is not finite, at a fraction of the cost of replacing them.
        return logits, values, total if bool(total.sum().isfinite()) else total.nan_to_num(nan=0.0)

    def _differentiated(self, rows: Tensor, points: Tensor, objective: Objective) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            logits = self._model(leaf).double()
            values = objective(logits, rows)
        if not values.requires_grad:
            raise RunError("the model's logits have no gradient", "use a black-box attack, or a model without detach()")
        (gradient,) = torch.autograd.grad(values, leaf, torch.ones_like(values), materialize_grads=True)
        return logits.detach(), values.detach(), gradient

    def _parts(self, rows: Tensor) -> Iterator[slice]:
        return (slice(start, start + self._size) for start in range(0, len(rows), self._size))
