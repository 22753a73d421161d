"""Random noise: what a search without any direction achieves."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit_attacks.ball import ball_around, linf_limits
from robustkit_attacks.objectives import margin
from robustkit_attacks.params import NoiseParams
from robustkit_attacks.search import Search
from robustkit_attacks.square_windows import signs


class RandomNoise:
    """Random points as far out as the threat model allows; the one with the highest margin is returned.

    Under Linf every value moves by eps up or down; under L2 the change has length eps and any direction. Both are then
    clipped to the bounds. A sample drops out as soon as it is misclassified. An attack that finds less than this does
    not search: gradients may be masked (Carlini et al. 2019).
    """

    def __init__(self, params: NoiseParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found; at most `draws` forward passes a sample. See `AttackMethod`."""
        search = Search(model, inputs, labels)
        rows = search.standing
        edge = _edge_of(inputs, threat_model)
        for draw in range(self.params.draws):
            if len(rows) == 0:
                break
            points = edge.surface(keys.child(f"draw {draw}").rows(rows))
            search.look(rows, points, lambda logits, rows: margin(logits, labels[rows]))
            left = (~search.settled[rows]).nonzero().flatten()
            if len(left) < len(rows):
                rows, edge = rows[left], edge.rows(left)
        return search.result()


class _Edge(Protocol):
    """Where the points are drawn from, one row a sample."""

    def rows(self, index: Tensor) -> _Edge: ...

    def surface(self, keys: Keys) -> Tensor: ...


def _edge_of(inputs: Tensor, threat_model: ThreatModel) -> _Edge:
    if threat_model.norm == "linf":
        return _Corners(*linf_limits(inputs, threat_model))
    return ball_around(inputs, threat_model)


class _Corners:
    """The corners of Linf balls, cut by the bounds."""

    def __init__(self, lowest: Tensor, highest: Tensor) -> None:
        self._lowest, self._highest = lowest, highest

    def rows(self, index: Tensor) -> _Corners:
        return _Corners(self._lowest[index], self._highest[index])

    def surface(self, keys: Keys) -> Tensor:
        up = signs(keys, *self._lowest.shape[1:]).to(self._lowest.device)
        return torch.where(up, self._highest, self._lowest)
