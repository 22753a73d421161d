"""FGSM, the fast gradient sign method."""

from __future__ import annotations

from torch import Tensor, nn

from robustkit import AttackResult, Keys, NoParams, ThreatModel
from robustkit_attacks.ball import ball_around
from robustkit_attacks.objectives import cross_entropy
from robustkit_attacks.search import Search


class FGSM:
    """One step: x + eps sign(gradient of the cross-entropy), clipped to the bounds (Goodfellow et al. 2015, section 4).

    Where the step does not raise the loss, the input itself is returned. Under L2 the step is along the gradient.
    """

    def __init__(self, params: NoParams) -> None:
        self.params = params

    def run(
        self,
        model: nn.Module,
        inputs: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        keys: Keys,  # noqa: ARG002 - draws nothing
    ) -> AttackResult:
        """Return the stepped inputs; two forward passes and one backward pass a sample. See `AttackMethod`."""
        ball = ball_around(inputs, threat_model)
        search = Search(model, inputs, labels)

        def objective(logits: Tensor, rows: Tensor) -> Tensor:
            return cross_entropy(logits, labels[rows])

        _, gradient = search.ascent(search.standing, inputs, objective)
        stepped = ball.project(inputs + threat_model.eps * ball.steepest(gradient))
        rows = search.standing
        search.look(rows, stepped[rows], objective)
        return search.result()
