"""Runs a plan: computes what is missing, stores it chunk by chunk, and survives being killed at any moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from robustkit.config import RunConfig
from robustkit.engine.device import numerics
from robustkit.engine.evaluate import Evaluator
from robustkit.engine.executors import Executor, InProcess
from robustkit.engine.grid import Cell
from robustkit.engine.outputs import hash_inputs
from robustkit.engine.plan import Plan, make_plan
from robustkit.engine.task import Committed, Step, Task
from robustkit.engine.timer import UNTIMED, Timer, Untimed
from robustkit.host import load_host
from robustkit.store import RunFolder
from robustkit.store.records import find_broken


class Observer(Protocol):
    """Is told how a run goes; progress bars are made of this."""

    def noted(self, text: str) -> None:
        """Something about a model that the user should know."""
        ...

    def started(self, total: int, done: int) -> None:
        """`done` of `total` chunks are stored already."""
        ...

    def stepped(self, step: Step) -> None:
        """Some samples of a chunk were computed; only an executor that computes in this process tells."""
        ...

    def committed(self, row: Committed) -> None:
        """One chunk of one cell was stored, or failed."""
        ...

    def finished(self) -> None:
        """Nothing is left to do, or the run was stopped."""
        ...

    def checking(self, model: str) -> None:
        """After the cells: a model is now probed for the trust report."""
        ...


class Unobserved:
    """The observer of a run that nobody watches."""

    def noted(self, text: str) -> None:
        """Do nothing."""

    def started(self, total: int, done: int) -> None:
        """Do nothing."""

    def stepped(self, step: Step) -> None:
        """Do nothing."""

    def committed(self, row: Committed) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""

    def checking(self, model: str) -> None:
        """Do nothing."""


@dataclass(kw_only=True)
class Outcome:
    """What a run came to.

    Attributes:
        computed: chunks computed now.
        reused: chunks that were stored already.
        cells: keys of those of which something was computed now.
        samples: computed now, of all cells together.
        failures: by cell key, why a cell has no result.
        metric_failures: by cell key and metric, why a metric could not be measured.
    """

    computed: int = 0
    reused: int = 0
    cells: set[str] = field(default_factory=set)
    samples: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    metric_failures: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Worker:
    """Computes tasks, in this process or in another one on any machine.

    Where it travels, the configuration travels, not models or data: there it opens them anew, once.

    Attributes:
        config: of the run.
        folder: where finished chunks go.
        evaluator: what is open in this process; None until the first task.
    """

    config: RunConfig
    folder: RunFolder
    evaluator: Evaluator | None = None

    def __call__(self, task: Task) -> list[Committed]:
        """Compute and store one task; see `Evaluator`."""
        if self.evaluator is None:
            plan = make_plan(self.config, load_host(include=self.config.include))
            self.evaluator = Evaluator(plan, self.folder)
        with numerics(self.config.precision):
            return self.evaluator(task)

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "folder": self.folder, "evaluator": None}


def execute(
    plan: Plan,
    folder: RunFolder,
    observer: Observer,
    executor: Executor | None = None,
    timer: Timer | Untimed = UNTIMED,
) -> Outcome:
    """Compute and store what the folder lacks.

    Args:
        plan: what is to be computed.
        folder: where it is stored.
        observer: is told about the progress.
        executor: who computes; by default this process.
        timer: is charged with what is done in this process.

    Raises:
        RunError: a result cannot be stored.
        DataError: a sample cannot be read.
    """
    with timer.section("store"):
        folder.clean_up()
        missing = _missing(plan, folder)
    total = len(missing) * len(plan.chunks)
    outcome = Outcome(reused=total - sum(len(chunks) for chunks in missing.values()))
    folder.log("started", total=total, reused=outcome.reused)
    for note in plan.notes:
        observer.noted(note)
    observer.started(total, outcome.reused)
    evaluator = Evaluator(plan, folder, observer.stepped, timer)
    worker = Worker(config=plan.config, folder=folder, evaluator=evaluator)
    try:
        for rows in (executor or InProcess()).map(worker, _tasks(plan, missing, outcome)):
            for row in rows:
                with timer.section("store"):
                    _take(row, folder, outcome)
                observer.committed(row)
    finally:
        observer.finished()
    folder.log("computed", chunks=outcome.computed, failed_cells=len(outcome.failures))
    return outcome


def _missing(plan: Plan, folder: RunFolder) -> dict[str, set[int]]:
    return {
        cell.key: {
            chunk
            for chunk, ids in enumerate(plan.chunks)
            if not folder.has_chunk(cell.key, chunk, ids)
            or not _has_examples(plan, folder, cell, chunk)
            or not all(folder.has_measure(key, chunk) for key in measure_keys(plan, cell).values())
        }
        for cell in plan.cells
    }


def _has_examples(plan: Plan, folder: RunFolder, cell: Cell, chunk: int) -> bool:
    """Return whether a chunk has the adversarial examples that its records speak of, if any were asked for."""
    if not plan.config.save_examples or cell.condition.threat_model is None:
        return True
    records, found = folder.read_chunk(cell.key, chunk), folder.read_examples(cell.key, chunk)
    if records is None or found is None:
        return False
    ids, inputs = found
    broken = find_broken(records)
    # Killed between the two files, a chunk may have new examples and old records: the hashes tell.
    seen = hash_inputs(torch.from_numpy(inputs))
    return bool(np.array_equal(ids, records["id"][broken]) and np.array_equal(seen, records["input_hash"][broken]))


def measure_keys(plan: Plan, cell: Cell) -> dict[str, str]:
    """Return, by metric, the content addresses of what is measured on a cell."""
    return {
        name: metric.key(cell)
        for name, metric in plan.metrics.items()
        if metric.needs_model and metric.applies_to(cell.condition)
    }


def _tasks(plan: Plan, missing: dict[str, set[int]], outcome: Outcome) -> Iterator[Task]:
    """Yield the work chunk by chunk; a cell that has failed is not tried again on its later chunks."""
    together: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    # Equal models under two names have the same cells: each is computed for the first of them.
    first: dict[str, Cell] = {}
    for cell in plan.cells:
        first.setdefault(cell.key, cell)
    for cell in first.values():
        together[cell.condition.text, cell.seed].append(cell)
    for chunk in range(len(plan.chunks)):
        for (condition, seed), cells in together.items():
            todo = [cell for cell in cells if chunk in missing[cell.key] and cell.key not in outcome.failures]
            # Models share a perturbed batch; there is nothing else to share, and single results come sooner.
            shared = bool(todo) and todo[0].condition.kind == "perturbation"
            for part in [todo] if shared else [[cell] for cell in todo]:
                keys = {cell.model: cell.key for cell in part}
                yield Task(condition=condition, seed=seed, chunk=chunk, cells=keys)


def _take(row: Committed, folder: RunFolder, outcome: Outcome) -> None:
    facts = {"model": row.model, "condition": row.condition, "seed": row.seed, "chunk": row.chunk}
    if row.error:
        outcome.failures[row.key] = row.error
        folder.log("failed", **facts, error=row.error, details=row.details)
    else:
        outcome.computed += 1
        outcome.samples += row.n
        outcome.cells.add(row.key)
        folder.log("committed", **facts, n=row.n)
    for metric, error in row.metric_errors.items():
        outcome.metric_failures[row.key, metric] = error
        folder.log("metric failed", **facts, metric=metric, error=error)
