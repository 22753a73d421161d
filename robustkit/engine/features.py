"""Outputs of a network's layers: found by name or pattern, captured during a forward pass, pooled to vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from robustkit.errors import ConfigError, DataError
from robustkit.names import did_you_mean


def find_layers(model: nn.Module, patterns: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the layers that the patterns mean, in the order of the network, each once.

    Args:
        model: a network, or the wrapped model whose `net` is the network.
        patterns: names or shell-style patterns (`layer?`, `blocks.*`); empty for the network's direct children.

    Raises:
        ConfigError: a pattern matches nothing, or the network has no layers.

    >>> find_layers(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), ["[01]"])
    ('0', '1')
    """
    network = _network(model)
    names = [name for name, _ in network.named_modules() if name]
    if not patterns:
        names = [name for name, _ in network.named_children()]
        patterns = ["*"]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            hint = did_you_mean(pattern, names) or f"it has: {', '.join(names[:12]) or 'none'}"
            raise ConfigError(f"no layer of {type(network).__name__} matches '{pattern}'", hint)
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


@contextmanager
def capture_features(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Fill the dictionary that is handed out with the outputs of layers, at each forward pass inside the block.

    A layer that runs several times in one pass leaves its last output. Gradients flow through what is captured.

    Args:
        model: a network, or the wrapped model whose `net` is the network.
        layers: exact names, as `find_layers` returns them.

    Raises:
        DataError: while running, if a layer returns no tensor.
    """
    found: dict[str, Tensor] = {}
    modules = dict(_network(model).named_modules())

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, tuple | list):
                output = output[0]
            if not isinstance(output, Tensor):
                raise DataError(f"layer '{name}' returns {type(output).__name__}, not a tensor", "name another layer")
            # A copy: the next layer may work in place.
            found[name] = output.clone()

        return hook

    handles = [modules[name].register_forward_hook(keep(name)) for name in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def pool_features(features: Tensor) -> Tensor:
    """Return (N, d): one vector a sample, the mean over all positions.

    Args:
        features: (N, d) as it is; (N, d, ...) feature maps, channels second, are averaged over the rest. This is
            robustkit's choice, and part of the name of what is computed from it: `gap`.

    Raises:
        DataError: features of one dimension or none.

    >>> import torch
    >>> pool_features(torch.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3])
    """
    if features.ndim < 2:
        raise DataError(f"expected (N, d) or (N, d, ...) features, got {tuple(features.shape)}", "name another layer")
    return features.flatten(2).mean(dim=2) if features.ndim > 2 else features


def _network(model: nn.Module) -> nn.Module:
    network = getattr(model, "net", None)
    return network if isinstance(network, nn.Module) else model
