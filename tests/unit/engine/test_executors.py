"""A worker can travel: other processes compute the same bytes from the configuration alone."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from robustkit import evaluate
from robustkit.config import parse_config
from robustkit.engine.runner import Worker
from robustkit.engine.task import Task
from robustkit.store import RunFolder

CONFIG: dict[str, Any] = {
    "data": "zoo/fashion-mnist-mini",
    "limit": 60,
    "device": "cpu",
    "perturbation": ["gaussian-noise:severity=3"],
    "attack": ["fgsm:eps=0.1"],
}


def checkpoint() -> str:
    from robustkit_zoo.assets import ASSETS

    return str(ASSETS / "checkpoints" / "fashion-cnn-standard-seed0.safetensors")


class Processes:
    """Two fresh processes, to which the worker is sent."""

    def __init__(self) -> None:
        self.sent = 0

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        self.sent = len(pickle.dumps(function))
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=2, mp_context=context) as pool:
            yield from pool.map(function, list(tasks))


def tree(run: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(run)): path.read_bytes() for path in [*run.glob("records/*/*"), *run.glob("results.*")]
    }


def test_other_processes_compute_the_same_bytes(tmp_path: Path) -> None:
    config = {**CONFIG, "model": checkpoint()}
    evaluate(config, out=tmp_path / "here")
    processes = Processes()
    done = evaluate(config, out=tmp_path / "there", executor=processes)
    assert done.outcome.computed == 3
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert processes.sent < 10_000, "models or data travelled"


def test_a_worker_that_travelled_opens_everything_anew(tmp_path: Path) -> None:
    worker = Worker(config=parse_config({**CONFIG, "model": checkpoint()}), folder=RunFolder(tmp_path))
    again = pickle.loads(pickle.dumps(worker))
    assert again.config == worker.config
    (row,) = again(Task(condition="clean", seed=0, chunk=0, cells={"fashion-cnn-standard-seed0": "k" * 64}))
    assert (row.n, row.error) == (60, "")
