"""What features are useful for: losses of logits that utility is measured by."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Target = Literal["ce", "smoothed-ce", "margin", "logit"]

LogitLoss = Callable[[Tensor, Tensor], Tensor]
"""Maps (N, classes) logits and (N,) labels to (N,) losses."""


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return (N,): the cross-entropy in nats; its slope vanishes where the label has nearly all of the probability.

    Args:
        logits: (N, classes).
        labels: (N,) int64.
        smoothing: share of the label that is spread evenly over all classes, Szegedy et al. (2016). With it the slope
            vanishes only where the probabilities are the smoothed label.
    """
    return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)


def negative_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return (N,): the highest logit of the other classes minus that of the label; it does not saturate.

    >>> negative_margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
    tensor([-1.])
    """
    own = functional.one_hot(labels, logits.shape[1]).bool()
    return logits.masked_fill(own, -torch.inf).amax(dim=1) + negative_logit(logits, labels)


def negative_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """Return (N,): minus the logit of the label."""
    return -logits.gather(1, labels[:, None])[:, 0]


def target_loss(target: Target, smoothing: float = 0.1) -> LogitLoss:
    """Return the loss of a name.

    Args:
        target: `ce`, `smoothed-ce`, `margin` (its negative) or `logit` (its negative).
        smoothing: of `smoothed-ce`.
    """
    losses: dict[Target, LogitLoss] = {
        "ce": cross_entropy,
        "smoothed-ce": partial(cross_entropy, smoothing=smoothing),
        "margin": negative_margin,
        "logit": negative_logit,
    }
    return losses[target]


def loss_slope(loss: LogitLoss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return (N, classes): the gradient of each sample's loss with respect to its logits.

    >>> loss_slope(negative_margin, torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
    tensor([[-1.,  0.,  1.]])
    """
    with torch.inference_mode(False), torch.enable_grad():
        leaf = logits.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(leaf, labels).sum(), leaf)
    return slope
