"""The representation of a batch: a layer's output, or what the last linear layer is given."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import robustkit
from robustkit_metrics.features.head import find_head
from robustkit_metrics.features.params import Channels
from robustkit_metrics.features.vectors import UnusableError, vectors


def embed(model: nn.Module, inputs: Tensor | list[str], layer: str, channels: Channels) -> Tensor:
    """Return (N, d) features, averaged over positions.

    Args:
        model: maps inputs to (N, classes) logits.
        inputs: as it takes them.
        layer: name of a layer; empty for what the last linear layer is given, whose output are the logits.
        channels: which dimension of the layer's output its channels are, see `robustkit.pool_features`.

    Raises:
        robustkit.ConfigError: there is no such layer, or several.
        UnusableError: there is no such representation; the message is the same for batches of any size.
    """
    found = _output(model, inputs, layer) if layer else find_head(model, inputs).features
    if found.ndim < 1 or len(found) != len(inputs):
        raise UnusableError("the layer's first dimension is not that of the samples", "name another layer")
    return vectors(found, channels)


def _output(model: nn.Module, inputs: Tensor | list[str], layer: str) -> Tensor:
    name = robustkit.find_layer(model, layer)
    unusable: dict[str, str] = {}
    with torch.no_grad(), robustkit.capture_features(model, [name], unusable) as found:
        model(inputs)
    for why in unusable.values():
        raise UnusableError(f"the layer {why}", "name another layer")
    return found[name]
