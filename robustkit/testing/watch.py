"""What the checks watch: a component's random draws, the global generators, and what it promised."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from robustkit.engine.seeds import Keys


def require(kept: bool, broken: str) -> None:
    """Raise AssertionError with the text `broken` unless `kept`."""
    if not kept:
        raise AssertionError(broken)


@dataclass(frozen=True, eq=False)
class RecordedKeys(Keys):
    """Keys that write down which streams are drawn from.

    Attributes:
        drawn: (replicate, path) of every draw so far; shared by children and rows.
    """

    drawn: set[tuple[int, tuple[str, ...]]] = field(default_factory=set)

    def words(self, n: int) -> Tensor:
        """Return what `Keys.words` returns."""
        self.drawn.add((self.replicate, self.path))
        return super().words(n)


def make_keys(name: str, n: int, seed: int = 0) -> RecordedKeys:
    """Return keys for the samples 0, 1, …, n - 1 of the component `name`."""
    return RecordedKeys(seed=seed, stream=f"testing/{name}", version=1, ids=torch.arange(n))


def make_images(n: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Return (n, *shape) images, the same at every call: a ramp with noise; uint8, or float in [0, 1]."""
    noise = make_keys("images", n).uniform(*shape)
    ramp = torch.linspace(0, 1, shape[-1], dtype=torch.float64)
    images = 0.5 * noise + 0.5 * ramp
    return (images * 255).round().to(dtype) if dtype == torch.uint8 else images.to(dtype)


@contextmanager
def global_generators_untouched(name: str) -> Iterator[None]:
    """Raise AssertionError if the block moves a global random generator."""
    before = _states()
    yield
    after = _states()
    moved = ", ".join(generator for generator in before if before[generator] != after[generator])
    require(not moved, f"{name} draws from a global generator: {moved}; draw from the keys")


@contextmanager
def global_generators_elsewhere() -> Iterator[None]:
    """Run the block with other states of the global generators, and put them back after it."""
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        torch.default_generator.manual_seed(20_011)
        np.random.seed(20_011)
        random.seed(20_011)
        yield
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _states() -> dict[str, Hashable]:
    kind, words, *rest = np.random.get_state(legacy=True)
    states: dict[str, Hashable] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy.random": (kind, np.asarray(words).tobytes(), *rest),
        "random": random.getstate(),
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states["torch.cuda"] = tuple(state.numpy().tobytes() for state in torch.cuda.get_rng_state_all())
    return states
