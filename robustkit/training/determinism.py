"""A training that gives the same weights each time, and leaves the caller's generators and switches as they were."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from robustkit.engine.device import numerics


@contextmanager
def deterministic(device: torch.device, precision: str = "fp32") -> Iterator[None]:
    """Compute reproducibly inside the block; generators and switches are put back afterwards.

    On a CPU an operation without a deterministic form is an error. On CUDA it is a warning of torch's, since average
    pooling, which most networks have, has none; two runs may then differ in the last bits.
    """
    before = torch.get_deterministic_debug_mode()
    cuda = device.type == "cuda"
    if cuda:
        # cuBLAS reads it once, when it starts; without it no matrix product is deterministic.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng(devices=[_index(device)] if cuda else []), numerics(precision):
        # What `use_deterministic_algorithms` does, without importing the compiler, which takes seconds.
        torch.set_deterministic_debug_mode("warn" if cuda else "error")
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)


def seed_generators(device: torch.device, *name: str | int) -> None:
    """Put torch's generators where only `name` decides: layers such as dropout draw from them.

    Call it inside `deterministic`, which puts them back.
    """
    words = hashlib.sha256(json.dumps(name).encode()).digest()
    seed = int.from_bytes(words[:8], "little") >> 1
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[_index(device)].manual_seed(seed)


def _index(device: torch.device) -> int:
    return torch.cuda.current_device() if device.index is None else device.index
