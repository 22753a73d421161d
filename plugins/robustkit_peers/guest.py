"""Runs the code of another library as an attack: what it may not touch stays as it is, and its passes are counted."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit import AttackResult, Keys, RobustkitError, RunError, ThreatModel

Peer = Callable[["CountedModel", Tensor, Tensor, int], Tensor]
"""`peer(model, inputs, labels, seed)` returns the inputs that it leaves."""


class CountedModel(nn.Module):
    """A model that counts what is asked of it.

    Attributes:
        forwards: samples that went forward.
        backwards: samples that a gradient came back for.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        # Not through `train`, which would reach the model's own modules.
        self.training = model.training
        self.forwards = 0
        self.backwards = 0

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the model's logits."""
        logits: Tensor = self.model(inputs)
        self.forwards += len(inputs)
        if logits.requires_grad:
            logits.register_hook(self._came_back)  # type: ignore[no-untyped-call]
        return logits

    def classes(self, inputs: Tensor) -> int:
        """Return how many classes the model tells apart, at the cost of one sample's forward pass."""
        with torch.no_grad():
            return int(self(inputs[:1]).shape[1])

    def _came_back(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)


def run_peer(
    package: str, peer: Peer, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
) -> AttackResult:
    """Return what the library found.

    The candidates are its output; one outside the ball is moved onto it. The loss is the cross-entropy at the
    candidates, for which the model is asked once more. A library does not say which sample a pass was for, so
    the passes are shared out evenly over the batch; their sum is exact.

    Args:
        package: what runs, for messages.
        peer: the library's search.
        model: in evaluation mode. Its parameters require no gradient while the library runs.
        inputs: (N, C, H, W) float.
        labels: (N,).
        threat_model: norm, eps and bounds.
        keys: one a sample; the seed of the library's generators is made of all of them.

    Raises:
        RunError: the library fails.
    """
    counted, seed = CountedModel(model), _seed(keys)
    with _left_alone(model), _generators(seed), redirect_stdout(sys.stderr), torch.enable_grad():
        found = _run(package, lambda: peer(counted, inputs.clone(), labels.clone(), seed))
    candidates = into_ball(found.detach().to(inputs), inputs, threat_model)
    with torch.no_grad():
        loss = functional.cross_entropy(counted(candidates).double(), labels, reduction="none")
    forwards = _shared(counted.forwards, inputs)
    return AttackResult(
        candidates=candidates,
        best_loss=loss.nan_to_num(nan=-torch.inf),
        queries=forwards.clone(),
        forwards=forwards,
        backwards=_shared(counted.backwards, inputs),
    )


def into_ball(points: Tensor, inputs: Tensor, threat_model: ThreatModel) -> Tensor:
    """Return the points, those outside the ball moved onto it, those that are no numbers replaced by their inputs.

    Args:
        points: (N, …) float.
        inputs: the centres.
        threat_model: norm, eps and bounds.

    >>> points = torch.tensor([[0.9, 0.5]])
    >>> into_ball(points, torch.tensor([[0.5, 0.5]]), ThreatModel(norm="linf", eps=0.125)).tolist()
    [[0.625, 0.5]]
    """
    axes = tuple(range(1, inputs.ndim))
    finite = points.isfinite().all(dim=axes, keepdim=True)
    points = torch.where(finite, points, inputs).clamp(threat_model.low, threat_model.high)
    change = points.double() - inputs.double()
    if threat_model.norm == "linf":
        norm = change.abs().amax(dim=axes, keepdim=True)
        change = change.clamp(-threat_model.eps, threat_model.eps)
    else:
        norm = change.square().sum(dim=axes, keepdim=True).sqrt()
        change = change * (threat_model.eps / norm.clamp(min=1e-300))
    moved = (inputs.double() + change).to(inputs.dtype).clamp(threat_model.low, threat_model.high)
    # Rounding to the nearest adds up where many values are rounded the same way, as in a white background.
    farther = (moved.double() - inputs.double()).abs() > change.abs()
    moved = torch.where(farther, torch.nextafter(moved, inputs), moved)
    return torch.where(norm > threat_model.eps, moved, points)


def _run(package: str, search: Callable[[], Tensor]) -> Tensor:
    try:
        return search()
    except (RobustkitError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise RunError(f"{package} failed: {cause}", "that is its own code; try another of its attacks") from error


@contextmanager
def _left_alone(model: nn.Module) -> Iterator[None]:
    """Put the model's modes and its parameters' `requires_grad` back after the block; no `.grad` is written in it."""
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, required in wanted:
            parameter.requires_grad_(required)


@contextmanager
def _generators(seed: int) -> Iterator[None]:
    """Run the block with global generators of its own."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    python, legacy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)


def _seed(keys: Keys) -> int:
    """Return 31 bits, as many as every generator takes."""
    words = keys.child("peer").words(1).cpu().numpy().tobytes()
    return int.from_bytes(sha256(words).digest()[:4], "little") >> 1


def _shared(total: int, inputs: Tensor) -> Tensor:
    n = len(inputs)
    position = torch.arange(n, device=inputs.device)
    return total // n + (position < total % n).to(torch.int64)
