"""An attack in progress: the worst inputs that it has seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustkit import AttackResult
from robustkit_attacks.oracle import Objective, Oracle


class Search:
    """Asks the model about points and keeps the worst point of each sample.

    The worst point is the one where the objective is highest. A misclassified point beats every other; its sample is
    settled and need not be asked about again. Next come points whose logits are not finite.

    Attributes:
        oracle: what answers.
        settled: (N,) bool, the samples for which a misclassified point was seen.
    """

    def __init__(self, model: nn.Module, inputs: Tensor, labels: Tensor, averaged: int = 1) -> None:
        n, device = len(inputs), inputs.device
        self.oracle = Oracle(model, labels, averaged)
        self.settled = torch.zeros(n, dtype=torch.bool, device=device)
        self._candidates = inputs.detach().clone()
        self._best = torch.full((n,), -torch.inf, dtype=torch.float64, device=device)

    @property
    def standing(self) -> Tensor:
        """(n,) int64, the samples that are not settled."""
        return (~self.settled).nonzero().flatten()

    def look(self, rows: Tensor, points: Tensor, objective: Objective) -> Tensor:
        """Record how the model answers, and return (n,) float64 values of the objective.

        Args:
            rows: (n,) which samples.
            points: (n, …) one input for each.
            objective: of the logits.
        """
        if len(rows) == 0:
            return torch.empty(0, dtype=torch.float64, device=rows.device)
        logits = self.oracle.logits(rows, points)
        values = objective(logits, rows)
        self._note(rows, points, values, logits)
        return values

    def ascent(self, rows: Tensor, points: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """Record how the model answers, and return (n,) float64 values of the objective and (n, …) its gradient.

        Args:
            rows: (n,) which samples.
            points: (n, …) one input for each.
            objective: of the logits.
        """
        if len(rows) == 0:
            return torch.empty(0, dtype=torch.float64, device=rows.device), torch.zeros_like(points)
        logits, values, gradients = self.oracle.slope(rows, points, objective)
        self._note(rows, points, values, logits)
        return values, gradients

    def record(self, rows: Tensor, points: Tensor, values: Tensor, fooled: Tensor) -> None:
        """Keep the points that are worse than the ones kept, for attacks that ask the oracle themselves.

        Args:
            rows: (n,) which samples.
            points: (n, …) one point of each.
            values: (n,) float64, the objective there.
            fooled: (n,) bool, where the model misclassifies them.
        """
        worse = (fooled | (values > self._best[rows])) & ~self.settled[rows]
        changed = rows[worse]
        self._candidates[changed] = points[worse]
        self._best[changed] = values[worse]
        self.settled[rows[fooled]] = True

    def _note(self, rows: Tensor, points: Tensor, values: Tensor, logits: Tensor) -> None:
        # Where the model has no answer, no attack can see on. The evaluator is to be shown such a point, and calls the
        # sample invalid: without, it would count as robust.
        values = torch.where(logits.isfinite().all(dim=1), values, torch.inf)
        self.record(rows, points, values, self.oracle.fooled(rows, logits))

    def result(self) -> AttackResult:
        """Return what was found. Samples that were never asked about keep their input and a loss of -inf."""
        oracle = self.oracle
        return AttackResult(
            candidates=self._candidates,
            best_loss=self._best,
            queries=oracle.forwards.clone(),
            forwards=oracle.forwards,
            backwards=oracle.backwards,
        )
