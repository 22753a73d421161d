"""FAB-T, the targeted fast adaptive boundary attack."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit_attacks.ball import Ball, ball_around
from robustkit_attacks.hyperplane import shortest_changes
from robustkit_attacks.nearest import Nearest, length_of
from robustkit_attacks.objectives import difference, likely_targets, margin
from robustkit_attacks.oracle import Objective, Oracle
from robustkit_attacks.params import FABParams

_MOST_BIAS = 0.1
_OVERSHOOT = 1.05
_PULLED_BACK = 0.9
_LAST_OVERSHOOT = 1.0002
_FINAL_ROUNDS = 6
_FAR_BEHIND = 1.2
_TRIAL = 40
_TINY = 1e-12


class FAB:
    """Looks for the nearest point where the prediction is wrong (Croce and Hein 2020, algorithm 1, targeted).

    In each step the difference of two logits is taken as linear. The next point is a mean of the nearest points on its
    zero hyperplane to where the search is and to the input, a little beyond. A point that is misclassified is
    recorded, and the search goes on from nine tenths of the way to it. Every run towards a class ends with a search
    along the straight way from the input to the nearest point that it found.

    Robustkit's choices: where a point is misclassified, the difference is linearised there and not where the search
    goes on from. It is closer to the boundary, and a step takes one forward and one backward pass instead of two and
    one. Before its last search, a run tries the shortest way to the hyperplane at its nearest point; that search takes
    six rounds instead of three. A run that after 40 steps is a fifth farther from the input than an earlier run is
    given up.

    Whether a sample is broken within eps is answered for every eps by its smallest change: `best_loss` is minus the
    norm of that change, which eps has no influence on (but for where restarts begin, and unless the search ends at
    eps: see `FABParams`), and -inf where no point is misclassified.
    """

    def __init__(self, params: FABParams) -> None:
        self.params = params

    @property
    def minimises_norm(self) -> bool:
        """Whether the search goes on inside the ball, so that norms say something about every smaller eps."""
        return self.params.minimise

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the nearest misclassified points; where they are outside the ball, they are projected into it.

        Where there is none inside, but a point for which the model has no finite logits, that is returned.

        It takes one forward pass, and up to `steps + 9` forward and `steps + 1` backward passes a run.
        See `AttackMethod`.
        """
        oracle, ball = Oracle(model, labels), ball_around(inputs, threat_model)
        best = Nearest(oracle, inputs, threat_model.norm)
        if len(inputs):
            self._look_around(oracle, inputs, ball, threat_model, keys, best)
        inside = _wide(best.norms <= threat_model.eps, inputs)
        silent = _wide(best.silent_norms <= threat_model.eps, inputs)
        others = torch.where(silent, best.silent, ball.project(best.points))
        return AttackResult(
            candidates=torch.where(inside, best.points, others),
            best_loss=-best.norms,
            queries=oracle.forwards.clone(),
            forwards=oracle.forwards,
            backwards=oracle.backwards,
        )

    def _look_around(
        self, oracle: Oracle, inputs: Tensor, ball: Ball, threat_model: ThreatModel, keys: Keys, best: Nearest
    ) -> None:
        labels, rows = oracle.labels, torch.arange(len(inputs), device=inputs.device)
        logits = oracle.logits(rows, inputs)
        best.record(rows, inputs, torch.zeros_like(best.norms), logits)
        margins = margin(logits, labels)
        targets = likely_targets(logits, labels, self.params.targets)
        enough = 0.0 if self.params.minimise else threat_model.eps
        for restart in range(self.params.restarts):
            for place, aim in enumerate(targets.unbind(1)):
                rows = (best.norms > enough).nonzero().flatten()
                if len(rows) == 0:
                    return
                own = keys.child(f"restart {restart}").child(f"target {place}")
                start = _start(inputs, ball, threat_model.eps, best.norms, own) if restart else inputs
                run = Nearest(oracle, inputs, threat_model.norm)
                walk = _Walk(oracle, run, best.norms, _towards(aim, labels), threat_model, enough)
                walk.go(rows, inputs[rows], start[rows], self.params.steps)
                walk.straighten(rows, inputs[rows])
                run.come_closer(rows[run.norms[rows] > enough], margins, _FINAL_ROUNDS)
                best.take(run)


def _start(inputs: Tensor, ball: Ball, eps: float, norms: Tensor, keys: Keys) -> Tensor:
    """Return points at half of the smallest norm found or of eps, whichever is less, but for the bounds."""
    share = 0.5 * (norms / eps).clamp(max=1) if eps else torch.zeros_like(norms)
    return inputs + (ball.surface(keys) - inputs) * _wide(share.to(inputs.dtype), inputs)


def _towards(aim: Tensor, labels: Tensor) -> Objective:
    return lambda logits, rows: difference(logits, labels[rows], aim[rows])


@dataclass(frozen=True, kw_only=True)
class _State:
    """Where the walk is, one row a sample: linearised at `inputs + changes`, to go on from `kept` of the changes."""

    rows: Tensor
    inputs: Tensor
    changes: Tensor
    kept: Tensor
    values: Tensor
    gradients: Tensor

    def those(self, index: Tensor) -> _State:
        """Return the state of some of the samples."""
        return _State(**{each.name: getattr(self, each.name)[index] for each in fields(self)})


@dataclass(frozen=True)
class _Walk:
    """One run towards one class."""

    oracle: Oracle
    found: Nearest
    rivals: Tensor
    """(N,) the smallest norms that earlier runs have found."""

    objective: Objective
    threat_model: ThreatModel
    enough: float
    """A sample drops out when a misclassified point is as near as that."""

    def go(self, rows: Tensor, inputs: Tensor, points: Tensor, steps: int) -> None:
        """Walk from points (n, …) of the samples `rows` (n,), whose inputs are (n, …)."""
        for step in range(steps):
            state = self._standing(self._linearised(rows, inputs, points), tried=step >= _TRIAL)
            if len(state.rows) == 0:
                return
            rows, inputs, points = state.rows, state.inputs, self._next(state)
        self._look(rows, inputs, points)

    def straighten(self, rows: Tensor, inputs: Tensor) -> None:
        """Try the shortest way from the inputs to the hyperplane at the nearest point that was found."""
        norms = self.found.norms[rows]
        index = (norms.isfinite() & (norms > self.enough)).nonzero().flatten()
        if len(index):
            rows, inputs = rows[index], inputs[index]
            state = self._linearised(rows, inputs, self.found.points[rows])
            starts, steps = self._shortest(state)
            straight = torch.add(starts[1], steps[1], alpha=_LAST_OVERSHOOT)
            self._look(rows, inputs, self._within(straight, state))

    def _look(self, rows: Tensor, inputs: Tensor, points: Tensor) -> None:
        logits = self.oracle.logits(rows, points)
        self.found.record(rows, points, length_of(points - inputs, self.threat_model.norm), logits)

    def _linearised(self, rows: Tensor, inputs: Tensor, points: Tensor) -> _State:
        logits, values, gradients = self.oracle.slope(rows, points, self.objective)
        changes = points - inputs
        fooled = self.found.record(rows, points, length_of(changes, self.threat_model.norm), logits)
        return _State(
            rows=rows,
            inputs=inputs,
            changes=changes,
            kept=torch.where(fooled, _PULLED_BACK, 1.0),
            values=values.nan_to_num(nan=0.0),
            gradients=gradients,
        )

    def _standing(self, state: _State, tried: bool) -> _State:
        norms = self.found.norms[state.rows]
        # Without a gradient there is no way to go, and never will be.
        stands = (norms > self.enough) & (length_of(state.gradients, "linf") > 0)
        if tried:
            stands &= norms <= _FAR_BEHIND * self.rivals[state.rows]
        index = stands.nonzero().flatten()
        return state if len(index) == len(state.rows) else state.those(index)

    def _next(self, state: _State) -> Tensor:
        starts, steps = self._shortest(state)
        here, origin = length_of(steps[0], self.threat_model.norm), length_of(steps[1], self.threat_model.norm)
        bias = (here / (here + origin + _TINY)).clamp(max=_MOST_BIAS)[:, None]
        ends = torch.add(starts, steps, alpha=_OVERSHOOT)
        return self._within(torch.lerp(ends[0], ends[1], bias), state)

    def _shortest(self, state: _State) -> tuple[Tensor, Tensor]:
        """Return (2, n, d) where the search is and the inputs, and the shortest changes of them to the hyperplane."""
        inputs, changes, gradients = (each.flatten(1) for each in (state.inputs, state.changes, state.gradients))
        kept = state.kept.to(inputs.dtype)[:, None]
        starts = torch.stack([torch.addcmul(inputs, changes, kept), inputs])
        # By how much the linear function grows from the input to where it was linearised. No product of the gradient
        # with a whole point is formed, which would leave few digits of their difference.
        grown = (gradients * changes).sum(dim=1).double()
        rises = torch.stack([(1 - state.kept.double()) * grown, grown]) - state.values
        return starts, shortest_changes(starts, gradients, rises, self.threat_model)

    def _within(self, points: Tensor, state: _State) -> Tensor:
        return points.clamp_(self.threat_model.low, self.threat_model.high).view_as(state.inputs)


def _wide(values: Tensor, like: Tensor) -> Tensor:
    """Return (N,) values so that they multiply (N, …) tensors."""
    return values.view(-1, *[1] * (like.ndim - 1))
