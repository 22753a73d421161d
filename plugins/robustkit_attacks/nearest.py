"""The nearest misclassified points that a minimum-norm attack has seen."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit_attacks.objectives import margin
from robustkit_attacks.oracle import Oracle

_BEYOND = 0.02


class Nearest:
    """Keeps the misclassified point of each sample that is nearest to its input.

    Attributes:
        points: (N, …); the input where no misclassified point was seen.
        norms: (N,) float64, how far the points are from their inputs; inf where none was seen.
        silent: (N, …) the nearest points for which the model has no finite logits, which the evaluator is to see.
        silent_norms: (N,) float64, how far these are from their inputs; inf where none was seen.
    """

    def __init__(self, oracle: Oracle, inputs: Tensor, norm: str) -> None:
        self._oracle, self._inputs, self._norm = oracle, inputs, norm
        self.points = inputs.detach().clone()
        self.norms = torch.full((len(inputs),), torch.inf, dtype=torch.float64, device=inputs.device)
        self._margins = torch.zeros_like(self.norms)
        self.silent, self.silent_norms = self.points.clone(), self.norms.clone()

    def record(self, rows: Tensor, points: Tensor, norms: Tensor, logits: Tensor) -> Tensor:
        """Record how the model answers, and return (n,) bool, which of the points are misclassified.

        Args:
            rows: (n,) which samples.
            points: (n, …) one point for each.
            norms: (n,) how far each is from its input.
            logits: (n, classes) float64 of the points.
        """
        fooled = self._oracle.fooled(rows, logits)
        nearer = (fooled & (norms < self.norms[rows])).nonzero().flatten()
        if len(nearer):
            changed = rows[nearer]
            self.points[changed], self.norms[changed] = points[nearer], norms[nearer].double()
            self._margins[changed] = margin(logits[nearer], self._oracle.labels[changed])
        silent = (~logits.isfinite().all(dim=1) & (norms < self.silent_norms[rows])).nonzero().flatten()
        if len(silent):
            self.silent[rows[silent]], self.silent_norms[rows[silent]] = points[silent], norms[silent].double()
        return fooled

    def take(self, other: Nearest) -> None:
        """Record what another search has found."""
        nearer = (other.norms < self.norms).nonzero().flatten()
        for own, found in (
            (self.points, other.points),
            (self.norms, other.norms),
            (self._margins, other._margins),
        ):
            own[nearer] = found[nearer]
        nearer = (other.silent_norms < self.silent_norms).nonzero().flatten()
        self.silent[nearer], self.silent_norms[nearer] = other.silent[nearer], other.silent_norms[nearer]

    def come_closer(self, rows: Tensor, clean_margins: Tensor, rounds: int) -> None:
        """Look for nearer points on the way from the inputs to the points that were found.

        Each round asks the model about the point where the margin would be 0 if it were linear on the part of the way
        that is left, between a point that is misclassified and one that is not: the final search of Croce and Hein
        (2020).

        Args:
            rows: (n,) which samples; those without a misclassified point are left alone.
            clean_margins: (N,) float64 margins of the inputs, below 0.
            rounds: forward passes.
        """
        rows = rows[self.norms[rows].isfinite()]
        if len(rows) == 0:
            return
        whole, length = self.points[rows] - self._inputs[rows], self.norms[rows]
        near, far = torch.zeros_like(length), torch.ones_like(length)
        below, above = clean_margins[rows], self._margins[rows]
        for _ in range(rounds):
            crossing = (below / (below - above)).nan_to_num(nan=1.0).clamp(0, 1)
            # A little further, so that the point is more likely on the far side.
            at = near + (far - near) * (crossing + _BEYOND * (1 - crossing))
            change = whole * at.to(whole.dtype).view(-1, *[1] * (whole.ndim - 1))
            points = self._inputs[rows] + change
            logits = self._oracle.logits(rows, points)
            fooled = self.record(rows, points, length_of(points - self._inputs[rows], self._norm), logits)
            value = margin(logits, self._oracle.labels[rows])
            near, below = torch.where(fooled, near, at), torch.where(fooled, below, value)
            far, above = torch.where(fooled, at, far), torch.where(fooled, value, above)


def length_of(changes: Tensor, norm: str) -> Tensor:
    """Return (n,) the norm of each of (n, …) changes.

    >>> length_of(torch.tensor([[3.0, -4.0]]), "l2")
    tensor([5.])
    """
    flat = changes.flatten(1)
    if norm == "linf":
        return flat.abs().amax(dim=1)
    # Not `Tensor.norm`, which adds up in one go: it is a millionth wrong for large images.
    return flat.square().sum(dim=1).sqrt()
