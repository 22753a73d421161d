"""What attacks raise: functions of the logits that grow as a sample comes closer to being misclassified.

All take (n, classes) logits, (n,) labels, and where they aim at a class (n,) targets, and return (n,) values.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from robustkit_attacks.params import Loss

_TINY = 1e-12
_FIRST, _SECOND, _THIRD, _FOURTH = 0, 1, 2, 3


def raised(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return an untargeted loss by its name."""
    return {"ce": cross_entropy, "dlr": dlr, "margin": margin}[loss](logits, labels)


def raised_towards(loss: Loss, logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return a targeted loss by the name of the untargeted one."""
    if loss == "ce":
        return -cross_entropy(logits, targets)
    if loss == "dlr":
        return targeted_dlr(logits, labels, targets)
    return difference(logits, labels, targets)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return -log of the label's probability.

    >>> round(cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).item(), 4)
    0.6931
    """
    return functional.cross_entropy(logits, labels, reduction="none")


def difference(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the target's logit minus the label's: above 0 where the target beats the label."""
    return _logit(logits, targets) - _logit(logits, labels)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the highest other logit minus the label's: above 0 where misclassified.

    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0])).item()
    -1.0
    """
    return _others(logits, labels).amax(dim=1) - _logit(logits, labels)


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the difference of logits ratio of Croce and Hein (2020): the margin over the spread of the three highest.

    It does not change when logits are scaled or shifted. Of two classes, which have no third logit, the plain margin
    is returned (robustkit's choice): its gradient has the same direction.

    >>> dlr(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0])).item()
    -0.5
    """
    if logits.shape[1] <= _THIRD:
        return margin(logits, labels)
    ranked = logits.topk(_THIRD + 1, dim=1).values
    return margin(logits, labels) / (ranked[:, _FIRST] - ranked[:, _THIRD] + _TINY)


def targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the targeted difference of logits ratio of Croce and Hein (2020), which takes four classes.

    Of three classes the spread is that of `dlr`, and of two there is none (robustkit's choice).

    >>> targeted_dlr(torch.tensor([[4.0, 3.0, 2.0, 0.0]]), torch.tensor([0]), torch.tensor([2])).item()
    -0.6666666865348816
    """
    found = difference(logits, labels, targets)
    classes = logits.shape[1]
    if classes <= _THIRD:
        return found
    ranked = logits.topk(min(classes, _FOURTH + 1), dim=1).values
    return found / (ranked[:, _FIRST] - ranked[:, _THIRD:].mean(dim=1) + _TINY)


def likely_targets(logits: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return (n, min(count, classes - 1)) the classes beside the label, the likeliest first.

    >>> likely_targets(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]), 9).tolist()
    [[2, 1]]
    """
    others = min(count, logits.shape[1] - 1)
    return _others(logits, labels).argsort(dim=1, descending=True, stable=True)[:, :others]


def _logit(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)


def _others(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.scatter(1, labels[:, None], -torch.inf)
