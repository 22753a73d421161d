"""A white-box probe: steps along the gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit.engine.trust.ball import Ball
from robustkit.engine.trust.losses import Loss
from robustkit.engine.trust.sight import Sight


@dataclass(frozen=True, kw_only=True, eq=False)
class Climb:
    """What steps along the gradient came to.

    Attributes:
        broken: (n,) bool: a misclassified point was found, and a fresh forward pass confirms it.
        when: (n,) int64: the step at which it was found; -1 for none.
        rose: (n,) bool: the loss was at some point higher than where the steps began.
    """

    broken: Tensor
    when: Tensor
    rose: Tensor


def climb(sight: Sight, ball: Ball, loss: Loss, *, start: Tensor, steps: int, length: float | None = None) -> Climb:
    """Return what `steps` steps of one length find from these points; a sample that is broken takes no further steps.

    Args:
        sight: the model and n samples.
        ball: where the points may go.
        loss: that is raised.
        start: (n, C, H, W) points to begin at.
        steps: how many.
        length: of a step in the ball's norm. Left out: 2.5 eps / steps, as Madry et al. (2018) have it for L2.
    """
    length = 2.5 * ball.eps / steps if length is None else length
    points, alive = start.clone(), torch.arange(len(sight), device=start.device)
    when = torch.full_like(alive, -1)
    first = best = torch.full((len(sight),), -torch.inf, device=start.device)
    for step in range(steps + 1):
        seen = sight.rows(alive)
        gradient, logits, values = seen.look(points[alive], loss)
        best = best.scatter(0, alive, torch.maximum(best[alive], values))
        first = best if step == 0 else first
        wrong = logits.argmax(dim=1) != seen.labels
        when[alive[wrong]] = step
        alive, gradient = alive[~wrong], gradient[~wrong]
        if step == steps or len(alive) == 0:
            break
        here = ball.rows(alive)
        points[alive] = here.project(points[alive] + length * here.direction(gradient))
    return Climb(broken=confirmed(sight, ball, points), when=when, rose=best > first)


def confirmed(sight: Sight, ball: Ball, points: Tensor) -> Tensor:
    """Return (n,) bool: which points lie in the ball and are misclassified on a forward pass of their own."""
    return sight.wrong(points) & ball.contains(points)
