"""The representation of a batch: a layer's output, or what the last linear layer is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

import robustkit
from robustkit_metrics.probe.collected import pooled


def embed(model: nn.Module, inputs: Tensor | list[str], layer: str, channels: Any) -> Tensor:
    """Return (N, d) features, averaged over positions.

    Args:
        model: maps inputs to (N, classes) logits.
        inputs: as it takes them.
        layer: name of a layer; empty for what the last linear layer is given, whose output are the logits.
        channels: which dimension of the layer's output its channels are, see `robustkit.pool_features`.

    Raises:
        robustkit.ConfigError: there is no such layer, or several.
        robustkit.DataError: there is no such representation; the message is the same for batches of any size.
    """
    found = _output(model, inputs, layer) if layer else _last_linear_input(model, inputs)
    if found.ndim < 1 or len(found) != len(inputs):
        raise robustkit.DataError("the layer's first dimension is not that of the samples", "name another layer")
    return pooled(found, channels)


def _output(model: nn.Module, inputs: Tensor | list[str], layer: str) -> Tensor:
    layers = robustkit.find_layers(model, [layer])
    if len(layers) > 1:
        raise robustkit.ConfigError(f"'{layer}' means {len(layers)} layers: {', '.join(layers[:5])}", "name one")
    unusable: dict[str, str] = {}
    with torch.no_grad(), robustkit.capture_features(model, layers, unusable) as found:
        model(inputs)
    for why in unusable.values():
        raise robustkit.DataError(f"the layer {why}", "name another layer")
    return found[layers[0]]


def _last_linear_input(model: nn.Module, inputs: Tensor | list[str]) -> Tensor:
    with torch.no_grad(), _linear_calls(model) as calls:
        logits = model(inputs)
    for given, output in reversed(calls):
        if output.shape == logits.shape and torch.equal(output.to(logits), logits):
            return given
    raise robustkit.DataError(
        "the logits are not what a linear layer (torch.nn.Linear) returns: say which layer is meant", "layer=NAME"
    )


@contextmanager
def _linear_calls(model: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Fill the list that is handed out with input and output of each call of a linear layer inside the block."""
    calls: list[tuple[Tensor, Tensor]] = []

    def keep(_layer: nn.Module, inputs: Any, output: Tensor) -> None:
        calls.append((inputs[0].clone(), output.clone()))

    handles = [each.register_forward_hook(keep) for each in model.modules() if isinstance(each, nn.Linear)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
