"""Networks, built from architectures without a trace in the rest of the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from robustkit.engine.architecture import Architecture
from robustkit.errors import PluginError


def build_network(architecture: Architecture) -> nn.Module:
    """Return a new network; the caller's random stream stays where it was."""
    # Initial weights are drawn from torch's global generator and then replaced: the caller's stream stays where it was.
    with torch.random.fork_rng(devices=[]), default_dtype_kept():
        network = architecture.build()
    if not isinstance(network, nn.Module):
        raise PluginError(
            f"model '{architecture.name}' built {type(network).__name__}, not a torch.nn.Module", "mend the plugin"
        )
    return network


@contextmanager
def default_dtype_kept() -> Iterator[None]:
    """Undo `torch.set_default_dtype` in a model's code: it would change the arithmetic of every other model."""
    before = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(before)
