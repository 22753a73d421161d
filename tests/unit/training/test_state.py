"""The stored state: every bit counts, and what is not a state of this training is refused with the reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import robustkit
from robustkit.errors import DataError
from robustkit.training.observer import Unobserved
from robustkit.training.state import encode


class Stop(Unobserved):
    """Interrupts after six steps, in the middle of the second epoch."""

    def __init__(self) -> None:
        self.left = 6

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def begin(lab: Any, folder: Path, **change: Any) -> tuple[dict[str, Any], Path]:
    """Return the configuration of an interrupted training of 3 epochs of 4 steps, and its state."""
    config: dict[str, Any] = lab.config(epochs=3, checkpoint_every=1, **change)
    with pytest.raises(KeyboardInterrupt):
        robustkit.train(config, out=folder, observer=Stop())
    return config, folder / "state" / "state.pt"


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_one_flipped_bit_anywhere_is_found(lab: Any, tmp_path: Path, optimizer: str) -> None:
    config, state = begin(lab, tmp_path, optimizer=optimizer)
    whole = state.read_bytes()
    for place in (0, 30, 100, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        state.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DataError, match="is damaged"):
            robustkit.train(config, out=tmp_path, resume=True)
    state.write_bytes(whole)
    assert robustkit.train(config, out=tmp_path, resume=True).computed == 2


@pytest.mark.parametrize("length", [0, 10, 1000])
def test_half_a_state_is_refused(lab: Any, tmp_path: Path, length: int) -> None:
    config, state = begin(lab, tmp_path)
    state.write_bytes(state.read_bytes()[:length])
    with pytest.raises(DataError, match="is damaged") as caught:
        robustkit.train(config, out=tmp_path, resume=True)
    assert "another folder" in caught.value.hint


def test_the_state_of_another_training_is_refused(lab: Any, tmp_path: Path) -> None:
    config, state = begin(lab, tmp_path / "one")
    _, other = begin(lab, tmp_path / "two", seed=1)
    state.write_bytes(other.read_bytes())
    with pytest.raises(DataError, match="another training"):
        robustkit.train(config, out=tmp_path / "one", resume=True)


def test_code_in_a_state_does_not_run(lab: Any, tmp_path: Path) -> None:
    config, state = begin(lab, tmp_path / "run")
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (mark,)

    state.write_bytes(encode({"progress": Evil()}))
    with pytest.raises(DataError, match="cannot be read: UnpicklingError"):
        robustkit.train(config, out=tmp_path / "run", resume=True)
    assert not mark.exists()


def drop(*path: str | int) -> Any:
    """Return a change of the state that takes an entry away."""

    def change(facts: Any) -> None:
        for part in path[:-1]:
            facts = facts[part]
        del facts[path[-1]]

    return change


def put(value: Any, *path: str | int) -> Any:
    """Return a change of the state that puts a value (or what a function makes of the present one) somewhere."""

    def change(facts: Any) -> None:
        for part in path[:-1]:
            facts = facts[part]
        facts[path[-1]] = value(facts[path[-1]]) if callable(value) else value

    return change


WRONG: dict[str, Any] = {
    "no progress": drop("progress"),
    "progress is a list": put([], "progress"),
    "progress has one more": put(1, "progress", "more"),
    "no step": drop("progress", "step"),
    "step is a word": put("six", "progress", "step"),
    "step is too small": put(3, "progress", "step"),
    "step is too large": put(8, "progress", "step"),
    "sums are a list": put([], "progress", "sums"),
    "a sum is a number": put(1.0, "progress", "sums", "loss"),
    "a sum is not a number": put((float("nan"), 2), "progress", "sums", "loss"),
    "history is a word": put("none", "progress", "history"),
    "a row is a number": put(3, "progress", "history", 0),
    "a row lacks its loss": drop("progress", "history", 0, "loss"),
    "a row holds a word": put("x", "progress", "history", 0, "loss"),
    "a row holds nan": put(float("nan"), "progress", "history", 0, "lr"),
    "a row of another epoch": put(2, "progress", "history", 0, "epoch"),
    "more right than there are": put(7, "progress", "history", 0, "validation_correct"),
    "selected is a word": put("1", "progress", "selected"),
    "selected does not exist": put(2, "progress", "selected"),
    "best is a list": put([], "progress", "best"),
    "best lacks a weight": drop("progress", "best", "6.bias"),
    "best has another shape": put(torch.zeros(4), "progress", "best", "6.bias"),
    "best has another type": put(torch.zeros(3).double(), "progress", "best", "6.bias"),
    "last holds a word": put("x", "progress", "last", "6.bias"),
    "no learner": drop("learner"),
    "learner is a number": put(3, "learner"),
    "no objective": drop("learner", "objective"),
    "objective lacks a weight": drop("learner", "objective", "model.net.6.bias"),
    "objective has another shape": put(torch.zeros(4), "learner", "objective", "model.net.6.bias"),
    "objective holds a word": put("x", "learner", "objective", "model.net.6.bias"),
    "no optimizer": drop("learner", "optimizer"),
    "optimizer is a table": put({}, "learner", "optimizer"),
    "optimizer is short": drop("learner", "optimizer", 0),
    "optimizer entry is a number": put(1, "learner", "optimizer", 0),
    "optimizer lacks a moment": drop("learner", "optimizer", 0, "exp_avg"),
    "a moment is a number": put(1.0, "learner", "optimizer", 0, "exp_avg"),
    "a moment has another shape": put(torch.zeros(2), "learner", "optimizer", 0, "exp_avg"),
    "a count has a shape": put(torch.zeros(2), "learner", "optimizer", 0, "step"),
    "no precision": drop("learner", "precision"),
    "precision is a word": put("x", "learner", "precision"),
    "precision has a scale": put({"scale": 2.0}, "learner", "precision"),
}  # fmt: skip


@pytest.fixture(scope="module")
def interrupted(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, bytes]:
    config, state = begin(lab, tmp_path_factory.mktemp("run"))
    return config, state, state.read_bytes()


def read(content: bytes) -> Any:
    """Return what torch stored, behind two lines."""
    return torch.load(io.BytesIO(content.split(b"\n", 2)[2]), weights_only=True)


@pytest.mark.parametrize("name", WRONG)
def test_a_whole_file_with_something_else_in_it_is_refused(
    interrupted: tuple[dict[str, Any], Path, bytes], name: str
) -> None:
    config, state, whole = interrupted
    facts = read(whole)
    change: Callable[[Any], None] = WRONG[name]
    change(facts)
    state.write_bytes(encode(facts))
    with pytest.raises(DataError, match="cannot be used") as caught:
        robustkit.train(config, out=state.parents[1], resume=True)
    assert str(state) in caught.value.message


def test_the_same_facts_written_anew_are_taken(interrupted: tuple[dict[str, Any], Path, bytes]) -> None:
    config, state, whole = interrupted
    state.write_bytes(encode(read(whole)))
    with pytest.raises(KeyboardInterrupt):
        robustkit.train(config, out=state.parents[1], resume=True, observer=Stop())
