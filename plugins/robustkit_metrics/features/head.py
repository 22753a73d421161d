"""The last linear layer of a network: what it is given, and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robustkit_metrics.features.vectors import UnusableError


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """The linear layer whose output are the logits, in one forward pass.

    Attributes:
        weight: (classes, d) of the layer.
        features: (N, d) that it was given.
        logits: (N, classes) that it returned.
    """

    weight: Tensor
    features: Tensor
    logits: Tensor


def find_head(model: nn.Module, inputs: Tensor | list[str]) -> Head:
    """Return the last linear layer with what it is given and returns.

    Args:
        model: maps inputs to (N, classes) logits.
        inputs: as it takes them.

    Raises:
        UnusableError: the logits are not what a linear layer returns.
    """
    with torch.no_grad(), _linear_calls(model) as calls:
        logits = model(inputs)
    for call in reversed(calls):
        output = call.logits.to(logits)
        if output.shape == logits.shape and torch.allclose(output, logits, rtol=0, atol=0, equal_nan=True):
            return call
    raise UnusableError(
        "the logits are not what a linear layer (torch.nn.Linear) returns for (N, d) features", "name a layer"
    )


@contextmanager
def _linear_calls(model: nn.Module) -> Iterator[list[Head]]:
    """Fill the list that is handed out with the calls of linear layers inside the block that may be the head."""
    calls: list[Head] = []

    def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
        assert isinstance(layer, nn.Linear)
        # Of a transformer's many calls with (N, tokens, d) none is kept.
        if output.ndim == 2:
            copies = {"features": inputs[0].detach().clone(), "logits": output.detach().clone()}
            calls.append(Head(weight=layer.weight, **copies))

    handles = [each.register_forward_hook(keep) for each in model.modules() if isinstance(each, nn.Linear)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
