"""Trainings that ended, and yet did not learn, are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import robustkit
from robustkit.training.observer import Unobserved
from robustkit.training.outcome import signs_of_failure

LABELS = np.array([2, 0, 2, 1])


class Notes(Unobserved):
    def __init__(self) -> None:
        self.notes = list[str]()

    def noted(self, text: str) -> None:
        self.notes.append(text)


def history(losses: list[float], right: list[int], **more: list[float]) -> list[dict[str, Any]]:
    """Return rows with further losses where they have a number."""
    rows = []
    for place, loss in enumerate(losses):
        row = {"epoch": place + 1, "lr": 0.1, "loss": loss, "validation_n": 4, "validation_correct": right[place]}
        rows.append(row | {name: values[place] for name, values in more.items() if not np.isnan(values[place])})
    return rows


def test_a_training_that_learnt_has_none() -> None:
    assert signs_of_failure(history([2.0, 2.5, 1.9], [1, 3, 0]), LABELS) == []


def test_one_answer_for_all_is_the_least_to_beat() -> None:
    (sign,) = signs_of_failure(history([2.0, 1.0], [1, 2]), LABELS)
    assert "2 of 4 validation samples right" in sign
    assert "always the most frequent class, would have 2" in sign


def test_a_loss_that_rose_is_said_with_both_numbers() -> None:
    (sign,) = signs_of_failure(history([2.0, 1.0, 2.5], [3, 3, 3]), LABELS)
    assert "2.5 in epoch 3, above the 2 of epoch 1" in sign
    assert "--lr" in sign


def test_a_loss_with_a_new_part_is_compared_from_there_on() -> None:
    part = [float("nan"), 0.5, 0.4]
    assert signs_of_failure(history([1.0, 1.5, 1.4], [3, 3, 3], contrastive=part), LABELS) == []
    (sign,) = signs_of_failure(history([1.0, 1.5, 1.6], [3, 3, 3], contrastive=part), LABELS)
    assert "above the 1.5 of epoch 2" in sign


def test_one_epoch_has_nothing_to_compare_its_loss_with() -> None:
    assert signs_of_failure(history([9.0], [3]), LABELS) == []


def test_a_failed_training_says_so_once(lab: Any, tmp_path: Path) -> None:
    config, watch = lab.config(trainer="lab/counted", epochs=1), Notes()
    robustkit.train(config, out=tmp_path, observer=watch)
    assert ["1 of 6 validation samples right" in note for note in watch.notes] == [False, True]
    watch = Notes()
    robustkit.train(config, out=tmp_path, resume=True, observer=watch)
    assert watch.notes == [f"{tmp_path} is finished already: nothing to do"]


@pytest.mark.parametrize(("batch_size", "steps"), [(12, 4), (6, 9), (5, 10), (54, 1)])
def test_few_steps_an_epoch_are_said(lab: Any, tmp_path: Path, batch_size: int, steps: int) -> None:
    watch = Notes()
    robustkit.train(lab.config(batch_size=batch_size), out=tmp_path, observer=watch)
    said = [note for note in watch.notes if f"an epoch has {steps} step" in note]
    assert len(said) == (steps < 10)
    assert all("--batch-size" in note for note in said)
