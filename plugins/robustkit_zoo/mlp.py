"""A multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import nn

from robustkit_zoo.params import MlpParams


def mlp(params: MlpParams) -> nn.Sequential:
    """Return linear layers with ReLU between them: (N, *in_shape) batches to (N, num_classes) logits.

    Weights are torch's defaults, drawn from its default generator.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise((prod(params.in_shape), *params.hidden)):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    last = params.hidden[-1] if params.hidden else prod(params.in_shape)
    return nn.Sequential(*layers, nn.Linear(last, params.num_classes))
