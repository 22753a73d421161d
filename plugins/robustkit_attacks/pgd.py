"""PGD, projected gradient descent on the negative loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit_attacks.linf_ball import linf_ball
from robustkit_attacks.params import PGDParams, resolve_step_size
from robustkit_attacks.search import Search


class PGD:
    """Signed gradient steps from random starts, projected onto the ball and the bounds (Madry et al. 2018).

    A sample drops out as soon as it is misclassified. The point with the highest cross-entropy of all steps and
    restarts is returned, not the last one.
    """

    def __init__(self, params: PGDParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found; at most `steps + 1` forward passes a restart. See `AttackMethod`."""
        ball = linf_ball(inputs, threat_model)
        step_size = resolve_step_size(self.params, threat_model).step_size or 0.0
        search = Search(model, inputs, labels)
        for restart in range(self.params.restarts):
            start = random_start(inputs, ball, threat_model.eps, keys.child(f"restart {restart}"))
            self._climb(search, start, ball, step_size)
        return search.result()

    def _climb(self, search: Search, start: Tensor, ball: tuple[Tensor, Tensor], step_size: float) -> None:
        lowest, highest = ball
        rows = search.standing
        points = start[rows]
        for _ in range(self.params.steps):
            stepped = points + step_size * search.ascent(rows, points).sign()
            points = torch.clamp(stepped, lowest[rows], highest[rows])
            left = ~search.settled[rows]
            rows, points = rows[left], points[left]
        search.look(rows, points)


def random_start(inputs: Tensor, ball: tuple[Tensor, Tensor], eps: float, keys: Keys) -> Tensor:
    """Return points drawn uniformly from the cube of side 2 eps around the inputs, clipped to the ball and the bounds.

    Args:
        inputs: (N, …) float.
        ball: the lowest and the highest values, as `linf_ball` returns them.
        eps: half the side of the cube.
        keys: one key a sample.
    """
    lowest, highest = ball
    offsets = eps * (2 * keys.uniform(*inputs.shape[1:]) - 1)
    return torch.clamp((inputs + offsets.to(inputs.device)).to(inputs.dtype), lowest, highest)
