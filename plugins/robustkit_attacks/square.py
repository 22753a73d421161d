"""Square, a random search that asks for logits alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit_attacks.objectives import margin
from robustkit_attacks.params import SquareParams
from robustkit_attacks.search import Search
from robustkit_attacks.square_moves import Moves, moves_in, without
from robustkit_attacks.square_windows import share_at

_BLOCK = 100
"""The random numbers of so many queries are drawn at once."""


class Square:
    """Random changes of square windows, kept where the margin falls (Andriushchenko et al. 2020).

    Each sample has windows and signs of its own; the reference implementation changes a whole batch in one place. How
    fast windows shrink is robustkit's choice: see `robustkit_attacks.square_windows.share_at`. A sample drops out as
    soon as it is misclassified. Inputs that are not images have windows too: see `plane_of` there.
    """

    def __init__(self, params: SquareParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found; at most `queries` forward passes a start. See `AttackMethod`."""
        search = Search(model, inputs, labels)
        for restart in range(self.params.restarts):
            own, rows = keys.child(f"restart {restart}"), search.standing
            if len(rows):
                moves = moves_in(inputs[rows], threat_model, own.rows(rows))
                _Descent(search, rows, moves, inputs.shape[1:]).go_on(own, self._shares())
        return search.result()

    def _shares(self) -> list[float]:
        queries = self.params.queries
        return [share_at(query, queries, self.params.p_init) for query in range(queries - 1)]


class _Descent:
    """One start: which samples stand, their points, and the highest margins so far.

    Margins are those of the logits: the highest other one minus the label's.
    """

    def __init__(self, search: Search, rows: Tensor, moves: Moves, shape: torch.Size) -> None:
        self._search, self._rows, self._moves, self._shape = search, rows, moves, shape
        self._labels = search.oracle.labels[rows]
        self._best, self._fooled = self._ask()

    def go_on(self, keys: Keys, shares: list[float]) -> None:
        """Try one change a share on the samples that stand, and record where it led.

        Args:
            keys: one random key for each of all samples.
            shares: of the pixels, that each change is to cover.
        """
        for number in range(len(shares)):
            if not self._drop_fooled():
                return
            place = number % _BLOCK
            if place == 0:
                block = keys.child(f"block {number // _BLOCK}").rows(self._rows)
                self._moves.draw(block, shares[number : number + _BLOCK])
            self._moves.propose(place)
            margins, self._fooled = self._ask()
            accepted = (margins > self._best) | self._fooled
            self._moves.settle(accepted)
            self._best = torch.where(accepted, margins, self._best)
        self._record(slice(None))

    def _ask(self) -> tuple[Tensor, Tensor]:
        """Return (n,) float64 margins, inf where the model has no answer (see `Search`), and (n,) bool."""
        logits = self._search.oracle.logits(self._rows, self._points())
        margins = margin(logits, self._labels).nan_to_num_(nan=torch.inf, posinf=torch.inf, neginf=torch.inf)
        fooled = margins >= 0
        # Most queries fool nobody, and this is the cheaper question.
        return margins, self._search.oracle.fooled(self._rows, logits) if bool(fooled.any()) else fooled

    def _drop_fooled(self) -> bool:
        """Record the samples that are misclassified, drop them, and return whether any stands."""
        gone = self._fooled
        if bool(gone.any()):
            self._record(gone)
            self._moves.drop(gone)
            self._rows, self._labels, self._best = (
                without(gone, each) for each in (self._rows, self._labels, self._best)
            )
        return len(self._rows) > 0

    def _record(self, part: Tensor | slice) -> None:
        self._search.record(self._rows[part], self._points()[part], self._best[part], self._fooled[part])

    def _points(self) -> Tensor:
        return self._moves.points.view(-1, *self._shape)
