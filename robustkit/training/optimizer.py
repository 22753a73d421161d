"""Optimisers, and the learning rate as a function of the step alone, so that a resumed run has nothing to restore."""

from __future__ import annotations

import math

import torch
from torch import nn

from robustkit.config.training import TrainConfig

# The defaults of torch.optim.lr_scheduler.OneCycleLR.
_RISING = 0.3
_FIRST = 1 / 25
_LAST = 1 / 25e4


def make_optimizer(objective: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser of all the objective's parameters that require gradients."""
    parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    decay, rate, momentum = config.weight_decay, config.lr, config.momentum
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=rate, betas=(momentum, 0.999), weight_decay=decay)


def kept_by(config: TrainConfig) -> dict[str, bool]:
    """Return what the optimiser keeps of each parameter between steps, by name, and whether it has its shape.

    What has not is one number, such as Adam's count of steps.
    """
    probe = nn.ParameterList([torch.zeros(2)])
    optimizer = make_optimizer(probe, config)
    probe[0].grad = torch.zeros(2)
    optimizer.step()
    return {name: value.shape == probe[0].shape for name, value in optimizer.state[probe[0]].items()}


def learning_rate(schedule: str, peak: float, step: int, steps: int) -> float:
    """Return the learning rate of a step.

    `onecycle` is Smith and Topin (2018), "Super-convergence", with the cosines and defaults of torch's `OneCycleLR` and
    a momentum that stays; `cosine` is Loshchilov and Hutter (2017), "SGDR", without restarts. With fewer than four
    steps `onecycle` has no rise, as in torch. A single step is taken at the peak whatever the schedule, robustkit's
    choice: by torch's formula it would be the end of the fall, where nothing is learnt.

    Args:
        schedule: `onecycle`, `cosine` or `constant`.
        peak: the highest rate.
        step: from 0.
        steps: how many there are.

    >>> [round(learning_rate("cosine", 1.0, step, 4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    if schedule == "constant" or steps == 1:
        return peak
    if schedule == "cosine":
        return _cosine(peak, 0.0, step / steps)
    top = _RISING * steps - 1
    if step <= top:
        return _cosine(peak * _FIRST, peak, step / top)
    return _cosine(peak, peak * _LAST, (step - top) / (steps - 1 - top))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
