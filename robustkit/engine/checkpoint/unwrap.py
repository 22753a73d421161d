"""Finding the state dict among what else a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from robustkit.errors import DataError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")
"""Keys below which weights are looked for, in this order."""

AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
"""Keys of moving averages of the weights. They are another model: reported, never chosen silently."""

_MAX_DEPTH = 8  # deeper nesting, or an object that holds itself, is no checkpoint


@dataclass(frozen=True)
class Unwrapped:
    """The weights, and the way to them.

    Attributes:
        weights: the state dict.
        path: the keys that were descended, outermost first.
        extras: what else was on the way, one short description each.
    """

    weights: Mapping[str, Tensor]
    path: tuple[str, ...]
    extras: Mapping[str, str]


def unwrap(value: Any, where: str) -> Unwrapped:
    """Return the state dict inside a loaded checkpoint.

    Args:
        value: a state dict, a module, or mappings around one under the usual keys.
        where: what to call the checkpoint in an error.

    Raises:
        DataError: there is none; the message lists the keys that were found.
    """
    path: list[str] = []
    extras: dict[str, str] = {}
    for _ in range(_MAX_DEPTH):
        if isinstance(value, nn.Module):
            extras[".".join([*path, "class"])] = f"{type(value).__module__}.{type(value).__qualname__}"
            value = value.state_dict()
        if is_state_dict(value):
            return Unwrapped(value, tuple(path), extras)
        key = _next_key(value)
        if key is None:
            break
        extras |= {".".join([*path, str(name)]): _describe(name, item) for name, item in value.items() if name != key}
        path.append(key)
        value = value[key]
    raise _no_state_dict(value, where)


def is_state_dict(value: Any) -> bool:
    """Return whether it is a mapping of at least one name, each to a tensor."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) and isinstance(item, Tensor) for key, item in value.items())
    )


def _next_key(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return next((key for key in WRAPPERS if key in value and _leads_to_weights(value[key], _MAX_DEPTH)), None)


def _leads_to_weights(value: Any, depth: int) -> bool:
    if isinstance(value, nn.Module) or is_state_dict(value):
        return True
    if not isinstance(value, Mapping) or depth == 0:
        return False
    return any(key in value and _leads_to_weights(value[key], depth - 1) for key in WRAPPERS)


def _describe(name: Any, value: Any) -> str:
    if name in AVERAGED:
        return "averaged (EMA) weights: present and unused"
    if isinstance(value, Tensor):
        return f"{value.dtype} tensor of shape {tuple(value.shape)}".removeprefix("torch.")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str | bool | int | float) or value is None:
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    if isinstance(value, Mapping | list | tuple):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__


def _no_state_dict(value: Any, where: str) -> DataError:
    if not isinstance(value, Mapping):
        return DataError(
            f"expected a mapping of names to tensors in {where}, but got {type(value).__name__}",
            "save the model's state_dict()",
        )
    keys = [str(key) for key in value]
    listed = ", ".join(keys[:8]) + (" …" if len(keys) > 8 else "")
    averaged = [key for key in keys if key in AVERAGED]
    if averaged:
        hint = f"averaged weights are under '{averaged[0]}': to evaluate those, save them alone in a file of their own"
    else:
        hint = f"weights are looked for at the top and below {', '.join(WRAPPERS)}; save the state_dict() alone"
    return DataError(f"no state dict in {where}: it holds {listed or 'nothing'}", hint)
