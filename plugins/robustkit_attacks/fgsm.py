"""FGSM, the fast gradient sign method."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, NoParams, ThreatModel
from robustkit_attacks.linf_ball import linf_ball
from robustkit_attacks.search import Search


class FGSM:
    """One step: x + eps sign(gradient of the cross-entropy), clipped to the bounds (Goodfellow et al. 2015, section 4).

    Where the step does not raise the loss, the input itself is returned.
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
        lowest, highest = linf_ball(inputs, threat_model)
        search = Search(model, inputs, labels)
        gradient = search.ascent(search.standing, inputs)
        stepped = torch.clamp(inputs + threat_model.eps * gradient.sign(), lowest, highest)
        rows = search.standing
        search.look(rows, stepped[rows])
        return search.result()
