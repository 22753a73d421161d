"""An attack in progress: what it asks of the model, and the worst inputs it has seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit import AttackResult, RunError


class Search:
    """Asks the model about points, keeps the worst point of each sample and counts what that cost.

    The loss is the cross-entropy of the true label, and the worst point is the one where it is highest. A misclassified
    point beats every other; its sample is settled and need not be asked about again.

    Attributes:
        settled: (N,) bool, the samples for which a misclassified point was seen.
    """

    def __init__(self, model: nn.Module, inputs: Tensor, labels: Tensor) -> None:
        n, device = len(inputs), inputs.device
        self._model, self._labels = model, labels
        self._candidates = inputs.detach().clone()
        self._best_loss = torch.full((n,), -torch.inf, dtype=torch.float64, device=device)
        self._forwards = torch.zeros(n, dtype=torch.int64, device=device)
        self._backwards = torch.zeros(n, dtype=torch.int64, device=device)
        self.settled = torch.zeros(n, dtype=torch.bool, device=device)

    @property
    def standing(self) -> Tensor:
        """(n,) int64, the samples that are not settled."""
        return (~self.settled).nonzero().flatten()

    def look(self, rows: Tensor, points: Tensor) -> None:
        """Record how the model answers.

        Args:
            rows: (n,) which samples.
            points: (n, …) one input for each.
        """
        if len(rows) == 0:
            return
        with torch.no_grad():
            self._record(rows, points, *self._ask(rows, points))

    def ascent(self, rows: Tensor, points: Tensor) -> Tensor:
        """Record how the model answers, and return (n, …): the gradient of each point's loss.

        The gradient is zero where it is not a number, and everywhere once all the rows are settled. Only the points are
        differentiated: the model's parameters and their `.grad` are left alone.

        Args:
            rows: (n,) which samples.
            points: (n, …) one input for each.
        """
        if len(rows) == 0:
            return torch.zeros_like(points)
        with torch.enable_grad():
            points = points.detach().clone().requires_grad_()
            logits, loss = self._ask(rows, points)
        self._record(rows, points.detach(), logits.detach(), loss.detach())
        if bool(self.settled[rows].all()):
            return torch.zeros_like(points)
        if not loss.requires_grad:
            raise RunError("the model's logits have no gradient", "use a black-box attack, or a model without detach()")
        self._backwards[rows] += 1
        (gradient,) = torch.autograd.grad(loss, points, torch.ones_like(loss), materialize_grads=True)
        return gradient.nan_to_num(nan=0.0)

    def result(self) -> AttackResult:
        """Return what was found. Samples that were never asked about keep their input and a loss of -inf."""
        return AttackResult(
            candidates=self._candidates,
            best_loss=self._best_loss,
            queries=self._forwards.clone(),
            forwards=self._forwards,
            backwards=self._backwards,
        )

    def _ask(self, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        logits = self._model(points)
        self._forwards[rows] += 1
        # In float64 the loss of a confident model still tells better points from worse ones.
        loss = functional.cross_entropy(logits.to(torch.float64), self._labels[rows], reduction="none")
        return logits, loss

    def _record(self, rows: Tensor, points: Tensor, logits: Tensor, loss: Tensor) -> None:
        # Logits that are not finite are a defect to be reported by the evaluator, not a success.
        fooled = (logits.argmax(dim=1) != self._labels[rows]) & logits.isfinite().all(dim=1)
        worse = (fooled | (loss > self._best_loss[rows])) & ~self.settled[rows]
        changed = rows[worse]
        self._candidates[changed] = points[worse]
        self._best_loss[changed] = loss[worse]
        self.settled[rows[fooled]] = True
