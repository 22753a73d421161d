"""What the checks watch: a component's random draws, the global generators, a model's state, and its errors."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from robustkit.engine.seeds import Keys

T = TypeVar("T")


def require(kept: bool, broken: str) -> None:
    """Raise AssertionError with the text `broken` unless `kept`."""
    if not kept:
        raise AssertionError(broken)


@contextmanager
def working(what: str, *, unless: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn an error of the block, unless of these types, into an AssertionError that begins with `what`."""
    try:
        yield
    except unless:
        raise
    except Exception as error:
        raise AssertionError(f"{what} raises {type(error).__name__}: {error}") from error


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


def require_no_global_randomness(
    name: str, produce: Callable[[], T], same: Callable[[T, T], bool], instead: str = "draw from the keys"
) -> None:
    """Raise AssertionError if `produce` moves a global random generator, or if one has an influence on its result.

    Args:
        name: of the component.
        produce: runs the component.
        same: whether two results are the same.
        instead: what the component should do.
    """
    with global_generators_untouched(name, instead):
        first = produce()
    with global_generators_elsewhere():
        second = produce()
    require(same(first, second), f"{name}: the result depends on a global random generator; {instead}")


@contextmanager
def global_generators_untouched(name: str, instead: str, *, but: tuple[str, ...] = ()) -> Iterator[None]:
    """Raise AssertionError if the block moves a global random generator, other than those named in `but`."""
    before = _states()
    yield
    after = _states()
    moved = ", ".join(each for each in before if each not in but and before[each] != after[each])
    require(not moved, f"{name} draws from a global generator: {moved}; {instead}")


@contextmanager
def global_generators_elsewhere(seed: int = 20_011) -> Iterator[None]:
    """Run the block with other states of the global generators, and put them back after it."""
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        yield
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def model_state(model: nn.Module) -> dict[str, Hashable]:
    """Return all that running a model could change in it, by name; equal values mean equal bits."""
    state: dict[str, Hashable] = {}
    for name, module in model.named_modules():
        state[f"training mode of '{name}'"] = module.training
    for name, parameter in model.named_parameters():
        state[f"parameter '{name}'"] = _bits(parameter)
        state[f"grad of '{name}'"] = None if parameter.grad is None else _bits(parameter.grad)
        state[f"requires_grad of '{name}'"] = parameter.requires_grad
    for name, buffer in model.named_buffers():
        state[f"buffer '{name}'"] = _bits(buffer)
    return state


def require_same_state(name: str, before: dict[str, Hashable], after: dict[str, Hashable]) -> None:
    """Raise AssertionError if two results of `model_state` differ, naming what."""
    changed = ", ".join(sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key)))
    require(not changed, f"{name} changes the model: {changed}")


def _bits(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()


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
