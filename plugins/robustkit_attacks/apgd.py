"""APGD, the step-size-free projected gradient descent of AutoAttack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit_attacks.ball import Ball, ball_around
from robustkit_attacks.objectives import likely_targets, raised, targeted_dlr
from robustkit_attacks.oracle import Objective
from robustkit_attacks.params import APGDParams, APGDTargetedParams, Loss
from robustkit_attacks.search import Search

_MOMENTUM = 0.75
_SUCCESS = 0.75
"""The share of steps between two checks that have to raise the loss, or the step size is halved."""


class APGD:
    """Auto-PGD (Croce and Hein 2020, algorithm 1): steepest steps with momentum, whose size is halved on its own.

    At checks that come closer and closer, a sample whose loss has not risen in three quarters of the steps, or whose
    best loss has stood still under the same step size, goes back to its best point with half the step size. A sample
    drops out as soon as it is misclassified.
    """

    loss: ClassVar[Loss] = "ce"

    def __init__(self, params: APGDParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found; `steps + 1` forward and `steps` backward passes a start at most."""
        ball = ball_around(inputs, threat_model)
        search = Search(model, inputs, labels, averaged=self.params.eot)
        loss = self.loss
        for restart in range(self.params.restarts):
            start = ball.surface(keys.child(f"restart {restart}"))
            climb(
                search,
                start,
                ball,
                threat_model.eps,
                self.params.steps,
                lambda logits, rows: raised(loss, logits, labels[rows]),
            )
        return search.result()


class APGDDLR(APGD):
    """Auto-PGD on the difference of logits ratio."""

    loss = "dlr"


class APGDTargeted:
    """Auto-PGD towards the likeliest other classes, one after another, with the targeted DLR loss.

    Croce and Hein (2020), section 4.1. The classes are ranked by the logits of the unchanged input; any
    misclassification counts.
    """

    def __init__(self, params: APGDTargetedParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found; one forward pass, and a run of APGD a target. See `AttackMethod`."""
        ball = ball_around(inputs, threat_model)
        search = Search(model, inputs, labels)
        if len(inputs) == 0:
            return search.result()
        targets = likely_targets(search.oracle.logits(search.standing, inputs), labels, self.params.targets)
        for restart in range(self.params.restarts):
            for place, aim in enumerate(targets.unbind(1)):
                start = ball.surface(keys.child(f"restart {restart}").child(f"target {place}"))
                climb(search, start, ball, threat_model.eps, self.params.steps, _towards(aim, labels))
        return search.result()


def _towards(aim: Tensor, labels: Tensor) -> Objective:
    return lambda logits, rows: targeted_dlr(logits, labels[rows], aim[rows])


@dataclass(frozen=True, kw_only=True)
class _State:
    """Where the climb is, one row a sample that stands."""

    rows: Tensor
    points: Tensor
    before: Tensor
    gradients: Tensor
    value: Tensor
    step_size: Tensor
    best_points: Tensor
    best_gradients: Tensor
    best: Tensor
    best_at_check: Tensor
    halved: Tensor
    raised: Tensor

    def kept(self, index: Tensor) -> _State:
        """Return the state of some of the samples."""
        return _State(**{each.name: getattr(self, each.name)[index] for each in fields(self)})


def climb(search: Search, start: Tensor, ball: Ball, eps: float, steps: int, objective: Objective) -> None:
    """Climb from the start points of the samples that stand.

    Args:
        search: records what is seen, and says which samples stand.
        start: (N, …) points inside the balls.
        ball: around all N inputs.
        eps: of the threat model; the first step size is twice that.
        steps: gradient steps.
        objective: what is raised.
    """
    rows = search.standing
    points, ball = start[rows], ball.rows(rows)
    value, gradients = search.ascent(rows, points, objective)
    state = _State(
        rows=rows,
        points=points,
        before=points,
        gradients=gradients,
        value=value,
        step_size=torch.full_like(value, 2 * eps),
        best_points=points,
        best_gradients=gradients,
        best=value,
        best_at_check=value,
        halved=torch.ones_like(value, dtype=torch.bool),
        raised=torch.zeros_like(value),
    )
    checks = dict(check_steps(steps))
    for step in range(1, steps + 1):
        left = (~search.settled[state.rows]).nonzero().flatten()
        if len(left) < len(state.rows):
            state, ball = state.kept(left), ball.rows(left)
        if len(left) == 0:
            return
        moved = _moved(state, ball, 1.0 if step == 1 else _MOMENTUM)
        if step == steps:
            # Of the last point only the loss counts, not where to go from there.
            search.look(state.rows, moved, objective)
            return
        state = _taken(state, moved, *search.ascent(state.rows, moved, objective))
        if step in checks:
            state = _checked(state, checks[step])


def check_steps(steps: int) -> Iterator[tuple[int, int]]:
    """Yield the steps after which step sizes are checked, and how many steps each check looks back on.

    >>> list(check_steps(100))[:4]
    [(22, 22), (41, 19), (57, 16), (70, 13)]
    """
    shortest, shorter = max(int(0.06 * steps), 1), max(int(0.03 * steps), 1)
    length, step = max(int(0.22 * steps), 1), 0
    while (step := step + length) <= steps:
        yield step, length
        length = max(length - shorter, shortest)


def _moved(state: _State, ball: Ball, momentum: float) -> Tensor:
    size = state.step_size.to(state.points.dtype).view(-1, *[1] * (state.points.ndim - 1))
    stepped = ball.project(state.points + size * ball.steepest(state.gradients))
    if momentum == 1:
        return stepped
    drift = (state.points - state.before).mul_(1 - momentum)
    return ball.project((stepped - state.points).mul_(momentum).add_(state.points).add_(drift))


def _taken(state: _State, points: Tensor, value: Tensor, gradients: Tensor) -> _State:
    better = value > state.best
    wide = better.view(-1, *[1] * (points.ndim - 1))
    return replace(
        state,
        points=points,
        before=state.points,
        gradients=gradients,
        value=value,
        best_points=torch.where(wide, points, state.best_points),
        best_gradients=torch.where(wide, gradients, state.best_gradients),
        best=torch.where(better, value, state.best),
        raised=state.raised + (value > state.value),
    )


def _checked(state: _State, length: int) -> _State:
    stuck = state.raised <= _SUCCESS * length
    stood = ~state.halved & (state.best_at_check >= state.best)
    halve = stuck | stood
    wide = halve.view(-1, *[1] * (state.points.ndim - 1))
    return replace(
        state,
        points=torch.where(wide, state.best_points, state.points),
        gradients=torch.where(wide, state.best_gradients, state.gradients),
        step_size=torch.where(halve, state.step_size / 2, state.step_size),
        best_at_check=state.best,
        halved=halve,
        raised=torch.zeros_like(state.raised),
    )
