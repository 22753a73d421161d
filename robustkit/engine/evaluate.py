"""Computes one task: one condition on one chunk, for every model that still needs it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import Attack, Perturbation
from robustkit.engine.adversarial import attack_batch
from robustkit.engine.grid import Condition
from robustkit.engine.outputs import describe_outputs, hash_inputs
from robustkit.engine.perturb import perturb, to_float
from robustkit.engine.plan import Plan
from robustkit.engine.seeds import Keys
from robustkit.errors import DataError, RobustkitError
from robustkit.host.validate import build
from robustkit.store import RunFolder

Columns = dict[str, NDArray[Any]]

ATTACK_BATCH = 32
"""Samples that are attacked together on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker is handed: plain values, so that it can travel.

    Attributes:
        condition: canonical string of what is done to the inputs.
        seed: the root of the random keys.
        chunk: position of the chunk in the run.
        cells: for each model that lacks this chunk, by name, the key of its cell.
    """

    condition: str
    seed: int
    chunk: int
    cells: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Committed:
    """The small row that travels back: what became of one cell's chunk.

    Attributes:
        model: name of the model.
        condition: canonical string.
        seed: the root of the random keys.
        key: of the cell.
        chunk: position of the chunk in the run.
        n: samples stored.
        correct: how many of them were classified correctly.
        error: why nothing was stored; empty if it was.
        details: the traceback of the error.
    """

    model: str
    condition: str
    seed: int
    key: str
    chunk: int
    n: int = 0
    correct: int = 0
    error: str = ""
    details: str = ""


class Evaluator:
    """Evaluates tasks of one plan; models, data and components stay loaded between them.

    Args:
        plan: with the models on the device that computes.
        folder: where finished chunks go.
    """

    def __init__(self, plan: Plan, folder: RunFolder) -> None:
        self._folder = folder
        self._chunks = plan.chunks
        self._conditions = {condition.text: condition for condition in plan.conditions}
        self._models = {name: model.classifier for name, model in plan.models.items()}
        self._dataset = plan.dataset
        self._device = plan.device
        self._batch_size = plan.config.batch_size
        self._built: dict[str, Any] = {}

    def __call__(self, task: Task) -> list[Committed]:
        """Compute and store one task.

        A model or component that fails makes its own cell fail and no other.

        Raises:
            DataError: a sample cannot be read.
            RunError: a result cannot be stored.
        """
        parts: dict[str, list[Columns]] = {model: [] for model in task.cells}
        failed: dict[str, Committed] = {}
        size = self._size(self._conditions[task.condition])
        for ids, images, labels in self._batches(self._chunks[task.chunk], size):
            try:
                degraded = self._degrade(task, images, ids)
            except (Exception, SystemExit) as error:
                return [_failure(task, model, error) for model in task.cells]
            for model in task.cells:
                if model not in failed:
                    try:
                        parts[model].append(self._evaluate(task, model, degraded, labels, ids))
                    except (Exception, SystemExit) as error:
                        failed[model] = _failure(task, model, error)
        return [failed.get(model) or self._commit(task, model, parts[model]) for model in task.cells]

    def _size(self, condition: Condition) -> int:
        """Return how many samples share a pass.

        The last bits of a gradient depend on that number, and the sign of a gradient near zero on its last bits. On a
        CPU, where small batches cost nothing, attacks therefore have one size whatever the user chose.
        """
        if condition.threat_model is None or self._device.type != "cpu":
            return self._batch_size
        return min(self._batch_size, ATTACK_BATCH)

    def _batches(self, ids: NDArray[np.int64], size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, len(ids), size):
            chosen = ids[start : start + size]
            images = torch.from_numpy(self._read(chosen))
            if self._device.type == "cuda":
                images = images.pin_memory()
            labels = torch.from_numpy(self._dataset.labels[chosen].astype(np.int64))
            yield (
                torch.from_numpy(chosen).to(self._device),
                images.to(self._device, non_blocking=True),
                labels.to(self._device),
            )

    def _read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images of these ids, checked and owned: what a plugin does to them must not reach the dataset."""
        try:
            images = np.ascontiguousarray(self._dataset.read(ids))
        except RobustkitError:
            raise
        except Exception as error:
            raise DataError(
                f"reading the samples {ids[0]} to {ids[-1]} failed: {type(error).__name__}: {error}", "mend the dataset"
            ) from error
        expected = (len(ids), *self._dataset.view.shape)
        if images.shape != expected or images.dtype not in (np.uint8, np.float32):
            raise DataError(
                f"expected the samples {ids[0]} to {ids[-1]} as {expected} uint8 or float32, "
                f"got {images.shape} {images.dtype}",
                "mend the dataset's read()",
            )
        return images if images.base is None else images.copy()

    def _degrade(self, task: Task, images: Tensor, ids: Tensor) -> Tensor:
        condition = self._conditions[task.condition]
        if condition.kind != "perturbation" or condition.severity is None:
            return images
        with torch.no_grad():
            return perturb(
                self._implementation(condition), images, _keys(condition, task.seed, ids), condition.severity
            )

    def _evaluate(self, task: Task, name: str, images: Tensor, labels: Tensor, ids: Tensor) -> Columns:
        model, condition = self._models[name], self._conditions[task.condition]
        inputs = to_float(images)
        columns: Columns = {"id": ids.cpu().numpy(), "label": labels.cpu().numpy()}
        if condition.threat_model is not None:
            inputs, found = attack_batch(
                self._implementation(condition),
                model,
                inputs,
                labels,
                condition.threat_model,
                _keys(condition, task.seed, ids),
                condition.component,
            )
            columns |= found
            columns["input_hash"] = hash_inputs(inputs)
        else:
            # What is stored as uint8 is hashed as uint8: those are the bytes that a reader can compare.
            columns["input_hash"] = hash_inputs(images)
        with torch.inference_mode():
            columns |= describe_outputs(model(inputs), labels, ids)
        if "broken_by" in columns:
            # The evaluator alone declares success, on this fresh forward pass.
            broken = (columns["prediction"] != columns["label"]) & (columns["broken_by"] == "")
            columns["broken_by"][broken] = condition.component
        return columns

    def _implementation(self, condition: Condition) -> Any:
        if condition.text not in self._built:
            assert condition.entry is not None
            self._built[condition.text] = build(condition.entry, condition.params)
        return self._built[condition.text]

    def _commit(self, task: Task, model: str, parts: list[Columns]) -> Committed:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        self._folder.commit_chunk(task.cells[model], task.chunk, columns)
        correct = int((columns["prediction"] == columns["label"]).sum())
        return _row(task, model, n=len(columns["id"]), correct=correct)


def _row(task: Task, model: str, **facts: Any) -> Committed:
    key = task.cells[model]
    return Committed(model=model, condition=task.condition, seed=task.seed, key=key, chunk=task.chunk, **facts)


def _keys(condition: Condition, seed: int, ids: Tensor) -> Keys:
    assert condition.entry is not None
    component = cast("Perturbation | Attack", condition.entry.component)
    return Keys(seed=seed, stream=condition.component, version=component.stream_version, ids=ids)


def _failure(task: Task, model: str, error: Exception | SystemExit) -> Committed:
    text = " ".join(str(error).split())
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        text = f"out of memory ({text}); try a smaller --batch-size"
    elif isinstance(error, RobustkitError):
        text = f"{text} ({error.hint})" if error.hint else text
    else:
        text = f"{type(error).__name__}: {text}{_place(error)}"
    return _row(task, model, error=text, details="".join(traceback.format_exception(error)))


def _place(error: BaseException) -> str:
    """Return the file and line that raised, for a reader who wrote them."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
