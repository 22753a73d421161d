"""PGD, projected gradient descent on the negative loss."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit_attacks.ball import Ball, ball_around
from robustkit_attacks.objectives import likely_targets, raised, raised_towards
from robustkit_attacks.oracle import Objective
from robustkit_attacks.params import Loss, PGDParams, resolve_step_size
from robustkit_attacks.search import Search


class PGD:
    """Steepest steps from random starts, projected onto the ball and the bounds (Madry et al. 2018).

    A sample drops out as soon as it is misclassified. The point with the highest loss of all steps and restarts is
    returned, not the last one. With `targets`, each restart is followed by runs towards the likeliest other classes,
    one after another (Gowal et al. 2019, MultiTargeted); any misclassification counts.
    """

    def __init__(self, params: PGDParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found; at most `steps + 1` forward passes a start. See `AttackMethod`."""
        ball = ball_around(inputs, threat_model)
        step_size = resolve_step_size(self.params, threat_model).step_size or 0.0
        search = Search(model, inputs, labels)
        objectives = list(self._objectives(search, inputs, labels))
        for restart in range(self.params.restarts):
            for place, objective in enumerate(objectives):
                own = keys.child(f"restart {restart}")
                start = ball.inside(own.child(f"target {place}") if place else own)
                self._climb(search, start, ball, step_size, objective)
        return search.result()

    def _objectives(self, search: Search, inputs: Tensor, labels: Tensor) -> Iterator[Objective]:
        loss = self.params.loss
        yield lambda logits, rows: raised(loss, logits, labels[rows])
        if self.params.targets and len(inputs):
            targets = likely_targets(search.oracle.logits(search.standing, inputs), labels, self.params.targets)
            yield from (partial(_towards, loss, labels, aim) for aim in targets.unbind(1))

    def _climb(self, search: Search, start: Tensor, ball: Ball, step_size: float, objective: Objective) -> None:
        rows = search.standing
        points, ball = start[rows], ball.rows(rows)
        for _ in range(self.params.steps):
            _, gradient = search.ascent(rows, points, objective)
            points = ball.project(points + step_size * ball.steepest(gradient))
            left = (~search.settled[rows]).nonzero().flatten()
            if len(left) < len(rows):
                rows, points, ball = rows[left], points[left], ball.rows(left)
        search.look(rows, points, objective)


def _towards(loss: Loss, labels: Tensor, aim: Tensor, logits: Tensor, rows: Tensor) -> Tensor:
    return raised_towards(loss, logits, labels[rows], aim[rows])
