"""How far a training has got, and all that continuing it exactly needs, as one file with a digest."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustkit.errors import DataError
from robustkit.store.atomic import write_atomically
from robustkit.training.history import best_epoch, check_history
from robustkit.training.learner import Learner
from robustkit.training.plan import TrainingPlan

_MAGIC = b"robustkit training state 2\n"
_HINT = "begin anew in another folder with --out"


@dataclass(kw_only=True)
class Progress:
    """How far a training has got.

    Attributes:
        step: steps taken, of all epochs.
        sums: of the current epoch, by name: the sum of a loss and over how many steps.
        history: one row an epoch that is over.
        selected: the best epoch so far, from 1; 0 before the first is over.
        best: the network's weights after that epoch.
        last: the network's weights after the last epoch that is over.
    """

    step: int = 0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    selected: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    last: dict[str, Tensor] = field(default_factory=dict)

    def add(self, losses: dict[str, float]) -> None:
        """Count one step and its losses."""
        self.step += 1
        for name, value in losses.items():
            total, n = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, n + 1)

    def end_epoch(self, row: dict[str, Any], weights: dict[str, Tensor]) -> bool:
        """Add a row to the history and return whether its epoch is the best so far; of equal ones the first is."""
        self.history.append(row)
        self.sums = {}
        self.last = weights
        better = best_epoch(self.history) == len(self.history)
        if better:
            self.selected, self.best = len(self.history), weights
        return better

    def check(self, steps: int, epochs: int, network: Mapping[str, Tensor]) -> None:
        """Check what was read from a file.

        Args:
            steps: in an epoch.
            epochs: of the whole training.
            network: weights of the same form as `best` and `last` should have.

        Raises:
            ValueError: it is not the progress of such a training. The text says what is wrong.
        """
        check_history(self.history, self.selected)
        past = len(self.history)
        if type(self.step) is not int or not past * steps <= self.step < past * steps + steps or past > epochs:
            raise ValueError(f"{past} epochs of {steps} steps are over, yet the step is {self.step!r:.40}")
        if not isinstance(self.sums, dict) or not all(_is_sum(*item) for item in self.sums.items()):
            raise ValueError("the sums of the losses are damaged")
        for name, weights in (("best", self.best), ("last", self.last)):
            if not _same_form(weights, network if past else {}):
                raise ValueError(f"the {name} weights are not those of this network")


def _is_sum(name: Any, found: Any) -> bool:
    if not isinstance(name, str) or not isinstance(found, tuple) or [type(each) for each in found] != [float, int]:
        return False
    return math.isfinite(found[0]) and found[1] > 0


def _same_form(weights: Any, network: Mapping[str, Tensor]) -> bool:
    """Return whether both have tensors of the same names, shapes and types."""
    if not isinstance(weights, dict) or weights.keys() != network.keys():
        return False
    return all(
        isinstance(each, Tensor) and (each.shape, each.dtype) == (network[name].shape, network[name].dtype)
        for name, each in weights.items()
    )


def store(path: Path, plan: TrainingPlan, progress: Progress, learner: Learner) -> None:
    """Store progress and learner as one file, whole or not at all."""
    facts = {"identity": plan.digest, "progress": vars(progress), "learner": learner.state_dict()}
    write_atomically(path, encode(facts))


def restore(path: Path, plan: TrainingPlan, learner: Learner) -> Progress:
    """Take the learner to where `store` left it, and return how far that was; the beginning if nothing was stored.

    Only tensors and plain values are read; code in the file does not run.

    Raises:
        DataError: the file is damaged, belongs to another training, or holds something else than such a state.
    """
    if not path.is_file():
        return Progress()
    content = _verified(path)
    try:
        facts = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        identity = facts["identity"]
    except Exception as error:  # the reader of a file of unknown origin can fail in any way
        raise DataError(f"the state of the training, {path}, cannot be read: {type(error).__name__}", _HINT) from error
    if identity != plan.digest:
        raise DataError(f"{path} is the state of another training", _HINT)
    try:
        progress = Progress(**facts["progress"])
        progress.check(plan.steps, plan.config.epochs, learner.weights())
        learner.load_state_dict(facts["learner"])
    except Exception as error:  # so can what takes any values for a state
        what = " ".join(str(error).split())[:300]
        raise DataError(
            f"the state of the training, {path}, cannot be used: {type(error).__name__}: {what}", _HINT
        ) from error
    return progress


def encode(facts: Mapping[str, Any]) -> bytes:
    """Return the bytes of a state: a line that says what it is, the sha256 of the rest, and the rest, torch's file."""
    buffer = io.BytesIO()
    torch.save(dict(facts), buffer)
    return _MAGIC + _digest(buffer.getvalue()) + buffer.getvalue()


def _verified(path: Path) -> bytes:
    """Return torch's file in a state whose digest is right: neither torch nor zip notice a flipped bit in a tensor."""
    content = path.read_bytes()
    start = len(_MAGIC) + len(_digest(b""))
    if content[:start] != _MAGIC + _digest(content[start:]):
        raise DataError(
            f"the state of the training, {path}, is damaged, or was written by another version of robustkit: "
            "its digest is not that of its content",
            _HINT,
        )
    return content[start:]


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"
