"""Outputs of a network's layers: found by name or pattern, captured during a forward pass, pooled to vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from torch import Tensor, nn

from robustkit.errors import ConfigError, DataError
from robustkit.names import did_you_mean

Channels = Literal["auto", "second", "last"]
"""Which dimension of a feature map its channels are."""

UNCALLED = "is not called in the forward pass"
_SCRIPT = "is TorchScript, whose output cannot be captured"


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


def find_layer(model: nn.Module, pattern: str) -> str:
    """Return the name of the one layer that a name or shell-style pattern means.

    Args:
        model: a network, or the wrapped model whose `net` is the network.
        pattern: name or shell-style pattern.

    Raises:
        ConfigError: no layer has this name, or several.

    >>> find_layer(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), "1*")
    '1'
    """
    layers = find_layers(model, [pattern])
    if len(layers) > 1:
        more = f" and {len(layers) - 12} more" if len(layers) > 12 else ""
        raise ConfigError(f"layer: '{pattern}' matches {', '.join(layers[:12])}{more}", "name one of them")
    return layers[0]


class _Captured(dict[str, Tensor]):
    """Outputs by layer."""

    def __missing__(self, layer: str) -> Tensor:
        raise DataError(f"layer '{layer}' {UNCALLED}", "name another layer")


@contextmanager
def capture_features(
    model: nn.Module, layers: Sequence[str], unusable: dict[str, str] | None = None
) -> Iterator[dict[str, Tensor]]:
    """Fill the dictionary that is handed out with the outputs of layers, at each forward pass inside the block.

    A layer that runs several times in one pass leaves its last output. Gradients flow through what is captured.

    Args:
        model: a network, or the wrapped model whose `net` is the network.
        layers: exact names, as `find_layers` returns them.
        unusable: where given, receives the reason for each layer that returns no tensor or is TorchScript, instead of
            an error.

    Raises:
        DataError: a layer is TorchScript; while running, if a layer returns no tensor; when a layer is asked for that
            has not run.
    """
    found = _Captured()
    modules = dict(_network(model).named_modules())

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, tuple | list):
                output = output[0]
            if isinstance(output, Tensor):
                # A copy: the next layer may work in place.
                found[name] = output.clone()
                return
            _refuse(unusable, name, f"returns {type(output).__name__}, not a tensor")

        return hook

    script = [name for name in layers if isinstance(modules[name], torch.jit.ScriptModule)]
    for name in script:
        _refuse(unusable, name, _SCRIPT)
    handles = [modules[name].register_forward_hook(keep(name)) for name in layers if name not in script]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _refuse(unusable: dict[str, str] | None, name: str, reason: str) -> None:
    if unusable is None:
        raise DataError(f"layer '{name}' {reason}", "name another layer")
    unusable[name] = reason


def pool_features(features: Tensor, channels: Channels = "auto") -> Tensor:
    """Return (N, d): one vector a sample, the mean over all positions.

    Args:
        features: (N, d) as it is; maps are averaged over all but their channels, robustkit's choice.
        channels: which dimension of a map has them: `second`, as in (N, d, H, W) and in what `Conv1d` returns, or
            `last`, as in a transformer's (N, tokens, d). `auto` takes the second of maps with two or more positional
            dimensions; with one it could be either, and is refused.

    Raises:
        DataError: features of one dimension or none, or of three under `auto`.

    >>> import torch
    >>> pool_features(torch.ones(2, 3, 4, 4)).shape, pool_features(torch.ones(2, 7, 3), "last").shape
    (torch.Size([2, 3]), torch.Size([2, 3]))
    """
    if features.ndim < 2:
        raise DataError(f"expected (N, d) or (N, d, ...) features, got {tuple(features.shape)}", "name another layer")
    if features.ndim == 3 and channels == "auto":
        raise DataError(
            f"{tuple(features.shape)} features may be (N, channels, positions) or (N, tokens, channels)",
            "say channels=second or channels=last where that is a parameter, or name a layer with one vector a sample",
        )
    if features.ndim == 2:
        return features
    return features.flatten(1, -2).mean(dim=1) if channels == "last" else features.flatten(2).mean(dim=2)


def _network(model: nn.Module) -> nn.Module:
    network = getattr(model, "net", None)
    return network if isinstance(network, nn.Module) else model
