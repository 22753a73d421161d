"""How far a training has got, and all that continuing it exactly needs, as one file."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from robustkit.errors import DataError
from robustkit.store.atomic import write_atomically
from robustkit.training.folder import TrainingFolder

_VERSION = 1


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
        best = max((before["validation_correct"] for before in self.history), default=-1)
        self.history.append(row)
        self.sums = {}
        self.last = weights
        better: bool = row["validation_correct"] > best
        if better:
            self.selected, self.best = row["epoch"], weights
        return better


def write_state(folder: TrainingFolder, identity: str, progress: Progress, learner: dict[str, Any]) -> None:
    """Store progress and learner as one file, whole or not at all."""
    buffer = io.BytesIO()
    facts = {"version": _VERSION, "identity": identity, "progress": vars(progress), "learner": learner}
    torch.save(facts, buffer)
    write_atomically(folder.state_path, buffer.getvalue())


def read_state(folder: TrainingFolder, identity: str) -> tuple[Progress, dict[str, Any]] | None:
    """Return what `write_state` stored, on the CPU, or None if nothing was.

    Only tensors and plain values are read; code in the file does not run.

    Raises:
        DataError: the file is damaged, or belongs to another training.
    """
    path = folder.state_path
    if not path.is_file():
        return None
    hint = "begin anew in another folder with --out"
    try:
        facts = torch.load(path, map_location="cpu", weights_only=True)
        progress = Progress(**facts["progress"])
        found = (facts["version"], facts["identity"])
    except Exception as error:  # a damaged file can make the reader fail in any way
        raise DataError(f"the state of the training, {path}, cannot be read: {type(error).__name__}", hint) from error
    if found != (_VERSION, identity):
        raise DataError(f"{path} is the state of another training", hint)
    return progress, facts["learner"]
