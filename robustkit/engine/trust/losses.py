"""The two losses that probes raise, one value a sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
"""(n, K) logits and (n,) labels to (n,) losses; higher is worse for the model."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return -log of the label's probability: what most attacks raise. Its gradient vanishes for large logits.

    >>> logits = torch.tensor([[1000.0, 0.0]], requires_grad=True)
    >>> torch.autograd.grad(cross_entropy(logits, torch.tensor([0])).sum(), logits)[0].abs().sum().item()
    0.0
    """
    return functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the highest other logit minus the label's: above 0 where the model is wrong. Its scale does not matter.

    >>> margin(torch.tensor([[3.0, 1.0, 0.5]]), torch.tensor([0]))
    tensor([-2.])
    """
    others = logits.scatter(1, labels.unsqueeze(1), -torch.inf).amax(dim=1)
    return others - logits.gather(1, labels.unsqueeze(1)).squeeze(1)
