"""Computes one task: one condition on one chunk, for every model that still needs it."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import Attack, ThreatModel
from robustkit.engine.adversarial import Assault, Attacked, attack_samples
from robustkit.engine.classifier import Classifier
from robustkit.engine.degrade import Degraded, condition_keys, degrade, hash_batch
from robustkit.engine.failure import describe_error
from robustkit.engine.gradients import require_gradient
from robustkit.engine.grid import Condition
from robustkit.engine.inputs import Inputs, read_inputs, read_labels, to_model
from robustkit.engine.measurement import Measurement
from robustkit.engine.outputs import describe_outputs
from robustkit.engine.plan import Plan
from robustkit.engine.task import Committed, Step, Task
from robustkit.engine.timer import UNTIMED, Timer, Untimed
from robustkit.host import Entry
from robustkit.host.validate import build
from robustkit.protocols import ImageDataset
from robustkit.store import RunFolder
from robustkit.store.records import INVALID, NO_PREDICTION, find_broken

Columns = dict[str, NDArray[Any]]

EXAMPLES = "examples"
"""Beside the columns of a part: the inputs of its broken samples."""

_ATTACKED_VALUES, _FEWEST = 1 << 18, 8
"""Input values that share a pass of an attack on a CPU, and the fewest samples: 64 of 3x32x32, 256 of 28x28."""

_WAVE = 4
"""Batches of samples that are attacked together: while some of them drop out, the passes stay full."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some samples of a chunk.

    Attributes:
        ids: of the samples.
        inputs: what the condition starts from, as it is stored.
        clean: the clean samples; the same object as `inputs` where the condition starts from them, or nobody asks.
        labels: of the dataset.
    """

    ids: Tensor
    inputs: Inputs
    clean: Inputs
    labels: Tensor


class Evaluator:
    """Evaluates tasks of one plan; models, data and components stay loaded between them.

    Args:
        plan: with the models on the device that computes.
        folder: where finished chunks go.
        stepped: is told about each batch of each model but the last, with which the chunk is stored.
        timer: is charged with what is done.
    """

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        stepped: Callable[[Step], None] | None = None,
        timer: Timer | Untimed = UNTIMED,
    ) -> None:
        self._folder = folder
        self._stepped = stepped
        self._timer = timer
        self._plan = plan
        self._conditions = {condition.text: condition for condition in plan.conditions}
        self._cells = {cell.key: cell for cell in plan.cells}
        self._built: dict[str, Any] = {}
        self._differentiable: set[str] = set()
        # Reading and converting the clean images would be for nothing where no metric looks at them.
        self._compared = any(metric.needs_copy for metric in plan.metrics.values())

    def __call__(self, task: Task) -> list[Committed]:
        """Compute and store one task.

        A model, component or metric that fails makes its own cell or rows fail and no other.

        Raises:
            DataError: a sample cannot be read.
            RunError: a result cannot be stored.
        """
        condition = self._conditions[task.condition]
        parts: dict[str, list[Columns]] = {model: [] for model in task.cells}
        failed: dict[str, Committed] = {}
        with self._timer.section("metrics"):
            measured = {
                model: Measurement(self._plan.metrics, self._plan.models[model], condition, self._timer)
                for model in task.cells
            }
        for batch in self._batches(condition, self._plan.chunks[task.chunk]):
            try:
                degraded = degrade(
                    condition,
                    self._implementation(condition),
                    batch.inputs,
                    condition_keys(condition, task.seed, batch.ids),
                    self._timer,
                )
            except (Exception, SystemExit) as error:
                return [_failure(task, model, error) for model in task.cells]
            for model in task.cells:
                if model not in failed:
                    try:
                        parts[model].append(self._evaluate(task, model, batch, degraded, measured[model]))
                    except (Exception, SystemExit) as error:
                        failed[model] = _failure(task, model, error)
                    else:
                        self._tell(task, model, parts[model])
        return [failed.get(model) or self._commit(task, model, parts[model], measured[model]) for model in task.cells]

    def _tell(self, task: Task, model: str, parts: list[Columns]) -> None:
        done, total = sum(len(part["id"]) for part in parts), len(self._plan.chunks[task.chunk])
        if self._stepped is not None and done < total:
            step = Step(model=model, condition=task.condition, key=task.cells[model], done=done, total=total)
            self._stepped(step)

    def _size(self, condition: Condition) -> int:
        """Return how many samples share a pass.

        The last bits of a gradient depend on that number, and the sign of a gradient near zero on its last bits. On a
        CPU attacks therefore have one size, whatever the user chose.
        """
        if condition.threat_model is None or self._plan.device.type != "cpu":
            return self._plan.config.batch_size
        shape = cast("ImageDataset", self._plan.dataset).view.shape
        return max(_FEWEST, power_of_two_below(_ATTACKED_VALUES / math.prod(shape)))

    def _batches(self, condition: Condition, ids: NDArray[np.int64]) -> Iterator[Batch]:
        batches = condition.entry is not None and getattr(condition.entry.component, "batches", False)
        size = self._size(condition) * (_WAVE if batches else 1)
        for start in range(0, len(ids), size):
            chosen = ids[start : start + size]
            with self._timer.section("data", samples=len(chosen)):
                batch = self._read(condition, chosen)
            yield batch

    def _read(self, condition: Condition, chosen: NDArray[np.int64]) -> Batch:
        dataset, device = self._plan.dataset, self._plan.device
        inputs = read_inputs(condition.stored.dataset if condition.stored else dataset, chosen, device)
        clean = read_inputs(dataset, chosen, device) if condition.stored and self._compared else inputs
        return Batch(
            # A copy: what a plugin writes into its keys must not reach the plan.
            ids=torch.from_numpy(chosen.copy()).to(device),
            inputs=inputs,
            clean=clean,
            labels=read_labels(dataset, chosen, device),
        )

    def _evaluate(self, task: Task, name: str, batch: Batch, degraded: Degraded, measurement: Measurement) -> Columns:
        model, condition = self._plan.models[name], self._conditions[task.condition]
        with self._timer.section("data"):
            labels, inputs = model.translate(batch.labels), to_model(degraded.inputs)
            same = degraded.inputs is batch.clean or not self._compared
            clean = inputs if same else to_model(batch.clean)
        columns: Columns = {"id": batch.ids.cpu().numpy(), "label": labels.cpu().numpy(), **degraded.columns}
        # What is stored as uint8 is hashed as uint8: those are the bytes that a reader can compare.
        seen = degraded.inputs
        if condition.threat_model is not None:
            with self._timer.section("attack", condition.component, samples=len(batch.ids)):
                attacked = self._attack(task, name, batch.ids, clean, labels)
            inputs = seen = attacked.inputs
            columns |= attacked.columns
        with self._timer.section("store"):
            columns["input_hash"] = hash_batch(seen)
        with self._timer.section("metrics"):
            described = [
                describe_outputs(
                    measurement.logits(
                        inputs[part], clean[part], labels[part], batch.ids[part], task.seed, batch.labels[part]
                    ),
                    labels[part],
                    batch.ids[part],
                    attacked=condition.threat_model is not None,
                )
                for part in slices(len(labels), self._size(condition))
            ]
        columns |= {column: np.concatenate([part[column] for part in described]) for column in described[0]}
        if condition.threat_model is not None:
            # The evaluator alone declares success, on this fresh forward pass.
            broken = (columns["prediction"] != columns["label"]) & (columns["broken_by"] == "")
            invalid = columns["prediction"] == NO_PREDICTION
            columns["broken_by"][broken] = np.where(invalid, INVALID, attacked.credit)[broken]
            if self._plan.config.save_examples:
                columns[EXAMPLES] = attacked.inputs.cpu().numpy()[find_broken(columns)]
        return columns

    def _attack(self, task: Task, name: str, ids: Tensor, clean: Inputs, labels: Tensor) -> Attacked:
        condition = self._conditions[task.condition]
        assault = Assault(
            attack=self._implementation(condition),
            name=condition.component,
            threat_model=cast("ThreatModel", condition.threat_model),
            batch_size=self._size(condition),
            search=condition.search,
        )
        model = cast("Classifier", self._plan.models[name].classifier)
        needs = cast("Attack", cast("Entry", condition.entry).component).needs
        if "gradient" in needs and name not in self._differentiable:
            require_gradient(model, cast("Tensor", clean), condition.component)
            self._differentiable.add(name)
        keys = condition_keys(condition, task.seed, ids)
        return attack_samples(assault, model, cast("Tensor", clean), labels, keys)

    def _implementation(self, condition: Condition) -> Any:
        if condition.entry is None:
            return None
        if condition.text not in self._built:
            self._built[condition.text] = build(condition.entry, condition.params)
        return self._built[condition.text]

    def _commit(self, task: Task, model: str, parts: list[Columns], measurement: Measurement) -> Committed:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        key, examples = task.cells[model], columns.pop(EXAMPLES, None)
        with self._timer.section("metrics"):
            states = measurement.states()
        with self._timer.section("store"):
            for name, state in states.items():
                # Before the records: where these are stored, so is everything that was measured with them.
                self._folder.commit_measure(self._plan.metrics[name].key(self._cells[key]), task.chunk, state)
            if examples is not None:
                self._folder.commit_examples(key, task.chunk, columns["id"][find_broken(columns)], examples)
            self._folder.commit_chunk(key, task.chunk, columns)
        correct = int((columns["prediction"] == columns["label"]).sum())
        errors = {name: describe_error(error) for name, error in measurement.failures.items()}
        return _row(task, model, n=len(columns["id"]), correct=correct, metric_errors=errors)


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield the parts of `count` rows, `size` in each but the last; one empty part where there are no rows.

    >>> list(slices(5, 3))
    [slice(0, 3, None), slice(3, 6, None)]
    """
    return (slice(start, start + size) for start in range(0, max(count, 1), size))


def power_of_two_below(number: float) -> int:
    """Return the largest power of two that is not above the number, and at least 1.

    >>> power_of_two_below(42.7), power_of_two_below(0.3)
    (32, 1)
    """
    return 1 << max(0, math.floor(math.log2(number)))


def _row(task: Task, model: str, **facts: Any) -> Committed:
    key = task.cells[model]
    return Committed(model=model, condition=task.condition, seed=task.seed, key=key, chunk=task.chunk, **facts)


def _failure(task: Task, model: str, error: Exception | SystemExit) -> Committed:
    return _row(task, model, error=describe_error(error), details="".join(traceback.format_exception(error)))
