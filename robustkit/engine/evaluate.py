"""Computes one task: one condition on one chunk, for every model that still needs it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import Attack, Perturbation
from robustkit.engine.adversarial import attack_batch
from robustkit.engine.classifier import Classifier
from robustkit.engine.grid import Cell, Condition
from robustkit.engine.outputs import describe_outputs, hash_inputs
from robustkit.engine.perturb import perturb, to_float
from robustkit.engine.seeds import Keys
from robustkit.errors import DataError, RobustkitError
from robustkit.host.validate import build
from robustkit.protocols import ImageDataset
from robustkit.store import RunFolder

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker is handed.

    Attributes:
        condition: what is done to the inputs.
        seed: the root of the random keys.
        chunk: position of the chunk in the run.
        ids: the chunk's sample ids.
        cells: the cells, one a model, that lack this chunk.
    """

    condition: Condition
    seed: int
    chunk: int
    ids: NDArray[np.int64]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Committed:
    """The small row that travels back: what became of one cell's chunk.

    Attributes:
        cell: the cell.
        chunk: position of the chunk in the run.
        n: samples stored.
        correct: how many of them were classified correctly.
        error: why nothing was stored; empty if it was.
        details: the traceback of the error.
    """

    cell: Cell
    chunk: int
    n: int = 0
    correct: int = 0
    error: str = ""
    details: str = ""


@dataclass
class Evaluator:
    """Evaluates tasks; the models and the data stay loaded between them.

    Attributes:
        models: by name, on `device`.
        dataset: where samples come from.
        folder: where finished chunks go.
        device: what computes.
        batch_size: samples a forward pass.
    """

    models: Mapping[str, Classifier]
    dataset: ImageDataset
    folder: RunFolder
    device: torch.device
    batch_size: int
    _built: dict[str, Any] = field(default_factory=dict)

    def __call__(self, task: Task) -> list[Committed]:
        """Compute and store one task.

        A model or component that fails makes its own cell fail and no other.

        Raises:
            DataError: a sample cannot be read.
            RunError: a result cannot be stored.
        """
        parts: dict[str, list[Columns]] = {cell.model: [] for cell in task.cells}
        failed: dict[str, Committed] = {}
        for ids, images, labels in self._batches(task.ids):
            try:
                degraded = self._degrade(task, images, ids)
            except (Exception, SystemExit) as error:
                return [_failure(cell, task.chunk, error) for cell in task.cells]
            for cell in task.cells:
                if cell.model not in failed:
                    try:
                        parts[cell.model].append(self._evaluate(cell, degraded, labels, ids))
                    except (Exception, SystemExit) as error:
                        failed[cell.model] = _failure(cell, task.chunk, error)
        return [failed.get(cell.model) or self._commit(cell, task.chunk, parts[cell.model]) for cell in task.cells]

    def _batches(self, ids: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, len(ids), self.batch_size):
            chosen = ids[start : start + self.batch_size]
            images = torch.from_numpy(self._read(chosen))
            if self.device.type == "cuda":
                images = images.pin_memory()
            labels = torch.from_numpy(self.dataset.labels[chosen].astype(np.int64))
            yield (
                torch.from_numpy(chosen).to(self.device),
                images.to(self.device, non_blocking=True),
                labels.to(self.device),
            )

    def _read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images of these ids, checked and owned: what a plugin does to them must not reach the dataset."""
        try:
            images = np.ascontiguousarray(self.dataset.read(ids))
        except RobustkitError:
            raise
        except Exception as error:
            raise DataError(
                f"reading the samples {ids[0]} to {ids[-1]} failed: {type(error).__name__}: {error}", "mend the dataset"
            ) from error
        expected = (len(ids), *self.dataset.view.shape)
        if images.shape != expected or images.dtype not in (np.uint8, np.float32):
            raise DataError(
                f"expected the samples {ids[0]} to {ids[-1]} as {expected} uint8 or float32, "
                f"got {images.shape} {images.dtype}",
                "mend the dataset's read()",
            )
        return images if images.base is None else images.copy()

    def _degrade(self, task: Task, images: Tensor, ids: Tensor) -> Tensor:
        condition = task.condition
        if condition.kind != "perturbation" or condition.entry is None or condition.severity is None:
            return images
        with torch.no_grad():
            return perturb(
                self._implementation(condition), images, _keys(condition, task.seed, ids), condition.severity
            )

    def _evaluate(self, cell: Cell, images: Tensor, labels: Tensor, ids: Tensor) -> Columns:
        model = self.models[cell.model]
        inputs = to_float(images)
        columns: Columns = {"id": ids.cpu().numpy(), "label": labels.cpu().numpy()}
        if cell.condition.kind == "attack":
            inputs, found = self._attack(cell, model, inputs, labels, ids)
            columns |= found
            columns["input_hash"] = hash_inputs(inputs)
        else:
            # What is stored as uint8 is hashed as uint8: those are the bytes that a reader can compare.
            columns["input_hash"] = hash_inputs(images)
        with torch.inference_mode():
            columns |= describe_outputs(model(inputs), labels, ids)
        if cell.condition.kind == "attack":
            # The evaluator alone declares success, on this fresh forward pass.
            broken = (columns["prediction"] != columns["label"]) & (columns["broken_by"] == "")
            columns["broken_by"][broken] = cell.condition.component
        return columns

    def _attack(
        self, cell: Cell, model: Classifier, inputs: Tensor, labels: Tensor, ids: Tensor
    ) -> tuple[Tensor, Columns]:
        condition = cell.condition
        assert condition.threat_model is not None
        keys = _keys(condition, cell.seed, ids)
        return attack_batch(
            self._implementation(condition), model, inputs, labels, condition.threat_model, keys, condition.component
        )

    def _implementation(self, condition: Condition) -> Any:
        if condition.text not in self._built:
            assert condition.entry is not None
            self._built[condition.text] = build(condition.entry, condition.params)
        return self._built[condition.text]

    def _commit(self, cell: Cell, chunk: int, parts: list[Columns]) -> Committed:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        self.folder.commit_chunk(cell.key, chunk, columns)
        correct = int((columns["prediction"] == columns["label"]).sum())
        return Committed(cell=cell, chunk=chunk, n=len(columns["id"]), correct=correct)


def _keys(condition: Condition, seed: int, ids: Tensor) -> Keys:
    assert condition.entry is not None
    component = cast("Perturbation | Attack", condition.entry.component)
    return Keys(seed=seed, stream=condition.component, version=component.stream_version, ids=ids)


def _failure(cell: Cell, chunk: int, error: Exception | SystemExit) -> Committed:
    text = " ".join(str(error).split())
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        text = f"out of memory ({text}); try a smaller --batch-size"
    elif isinstance(error, RobustkitError):
        text = f"{text} ({error.hint})" if error.hint else text
    else:
        text = f"{type(error).__name__}: {text}{_place(error)}"
    return Committed(cell=cell, chunk=chunk, error=text, details="".join(traceback.format_exception(error)))


def _place(error: BaseException) -> str:
    """Return the file and line that raised, for a reader who wrote them."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
