"""Progress within a chunk: told batch by batch, shown when there is something to wait for, without touching results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robustkit.cli import progress
from robustkit.engine.runner import Unobserved
from robustkit.engine.task import Committed, Step
from robustkit.evaluation import evaluate

CHECKPOINTS = Path(__file__).resolve().parents[3] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"


class Watch(Unobserved):
    def __init__(self) -> None:
        self.steps: list[Step] = []

    def stepped(self, step: Step) -> None:
        self.steps.append(step)


def test_each_batch_of_each_model_is_told_and_no_result_changes(tmp_path: Path) -> None:
    config = {
        "model": [
            {"checkpoint": str(path), "name": path.stem} for path in sorted(CHECKPOINTS.glob("fashion-*0.safetensors"))
        ][:2],
        "data": "zoo/fashion-mnist-mini",
        "limit": 100,
        "batch_size": 40,
        "perturbation": ["contrast:severity=1"],
        "attack": ["fgsm:eps=0.1"],
        "metric": ["accuracy", "linear-cka"],
        "device": "cpu",
    }
    watch = Watch()
    watched = evaluate(config, out=tmp_path / "watched", observer=watch)
    alone = evaluate(config, out=tmp_path / "alone")
    assert watched.rows == alone.rows
    told: dict[tuple[str, str], list[int]] = {}
    for step in watch.steps:
        assert step.total == 100
        told.setdefault((step.model, step.condition.partition(":")[0]), []).append(step.done)
    # The attack takes all 100 at once.
    assert len(told) == 4
    assert all(done == [40, 80] for done in told.values())


def step(done: int, key: str = "k") -> Step:
    return Step(model="net", condition="clean", key=key, done=done, total=100)


def row(key: str = "k", **more: Any) -> Committed:
    return Committed(model="net", condition="clean", seed=0, key=key, chunk=0, n=100, correct=50, **more)


def test_plain_lines_tell_how_far_a_chunk_is_only_after_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = progress.Lines()
    lines.started(3, 1)
    for second, done in ((1, 10), (9, 20), (11, 30), (12, 40), (22, 50)):
        now[0] = second
        lines.stepped(step(done))
    lines.committed(row())
    assert capsys.readouterr().err.splitlines() == [
        "robustkit: 3 chunk(s), 1 stored already",
        "robustkit: [1/3] net · clean: 30 of 100 samples",
        "robustkit: [1/3] net · clean: 50 of 100 samples",
        "robustkit: [2/3] net · clean: accuracy 0.5000 (100)",
    ]


def test_the_bar_moves_by_parts_of_chunks() -> None:
    bar = progress.Bar()
    bar.started(4, 1)
    (task,) = bar._progress.tasks
    seen = []
    for told in (step(25), step(50, key="other"), step(75)):
        bar.stepped(told)
        seen.append(task.completed)
    bar.committed(row())
    seen.append(task.completed)
    bar.committed(row(key="other", error="boom"))
    seen.append(task.completed)
    bar.stepped(step(25))
    seen.append(task.completed)
    bar.finished()
    assert seen == [1.25, 1.75, 2.25, 2.5, 2.5, 2.25]
