"""A training that was stopped anywhere and continued ends in the same bytes as one that was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import robustkit
from robustkit.errors import ConfigError
from robustkit.training import loop
from robustkit.training.learner import Learner
from robustkit.training.observer import Unobserved


class Stop(Unobserved):
    """Interrupts after so many steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


class Count(Unobserved):
    """Counts steps and keeps notes."""

    def __init__(self) -> None:
        self.steps, self.notes = 0, list[str]()

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        self.steps += 1

    def noted(self, text: str) -> None:
        self.notes.append(text)


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("model.safetensors", "last.safetensors", "history.csv")}


@pytest.fixture(scope="module")
def whole(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an undisturbed training of 3 epochs of 4 steps."""
    folder = tmp_path_factory.mktemp("whole")
    robustkit.train(lab.config(epochs=3, augment=["flip", "crop"]), out=folder)
    return files(folder)


def interrupted(lab: Any, folder: Path, after: int, **change: Any) -> dict[str, Any]:
    config: dict[str, Any] = lab.config(epochs=3, augment=["flip", "crop"], **change)
    with pytest.raises(KeyboardInterrupt):
        robustkit.train(config, out=folder, observer=Stop(after))
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    return config


@pytest.mark.parametrize(
    ("after", "every", "repeated"),
    [(1, 0, 12), (5, 0, 8), (8, 0, 8), (6, 1, 7), (7, 3, 6), (12, 0, 4), (12, 5, 2)],
)
def test_a_resumed_training_ends_in_the_same_bytes(
    lab: Any, tmp_path: Path, whole: dict[str, bytes], after: int, every: int, repeated: int
) -> None:
    config = interrupted(lab, tmp_path, after, checkpoint_every=every)
    count = Count()
    robustkit.train(config, out=tmp_path, resume=True, observer=count)
    assert files(tmp_path) == whole
    assert count.steps == repeated


def test_the_first_environment_stays_and_what_differs_later_is_said(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = interrupted(lab, tmp_path, 5)
    first = json.loads((tmp_path / "manifest.json").read_text())["environment"]
    stop = Stop(1)
    with pytest.raises(KeyboardInterrupt):
        robustkit.train(config, out=tmp_path, resume=True, observer=stop)
    other = {**first, "torch": "9.9", "threads": 77}
    monkeypatch.setattr("robustkit.training.manifest.describe_environment", lambda _: other)
    count = Count()
    robustkit.train(config, out=tmp_path, resume=True, observer=count)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["environment"] == first
    assert [set(entry) for entry in manifest["resumed"]] == [{"time", "environment"}] * 2
    assert [entry["environment"] for entry in manifest["resumed"]] == [{}, {"torch": "9.9", "threads": 77}]
    assert [note.partition(":")[0] for note in count.notes if " was " in note] == [
        f"torch was {first['torch']} when the training began, is 9.9",
        f"the number of threads was {first['threads']} when the training began, is 77",
    ]


def test_without_the_optimisers_state_it_would_not(
    lab: Any, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = interrupted(lab, tmp_path, 6, checkpoint_every=1)
    monkeypatch.setattr(
        Learner, "load_state_dict", lambda self, state: self._objective.load_state_dict(state["objective"])
    )
    robustkit.train(config, out=tmp_path, resume=True)
    assert files(tmp_path)["last.safetensors"] != whole["last.safetensors"]


def test_without_a_seed_for_each_step_dropout_would_differ(
    lab: Any, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = interrupted(lab, tmp_path, 6, checkpoint_every=1)
    monkeypatch.setattr(loop, "seed_generators", lambda *_: None)
    robustkit.train(config, out=tmp_path, resume=True)
    assert files(tmp_path)["last.safetensors"] != whole["last.safetensors"]


def test_files_that_a_kill_kept_from_being_written_come_from_the_state(
    lab: Any, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    config = interrupted(lab, tmp_path, 9)
    for name in ("model.safetensors", "last.safetensors", "history.csv"):
        (tmp_path / name).unlink()
    robustkit.train(config, out=tmp_path, resume=True)
    assert files(tmp_path) == whole


def test_a_finished_training_is_left_as_it_is(lab: Any, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(), out=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    count = Count()
    again = robustkit.train(lab.config(), out=tmp_path, resume=True, observer=count)
    assert (again.history, again.computed, count.steps) == (done.history, 0, 0)
    assert count.notes == [f"{tmp_path} is finished already: nothing to do"]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_in_use_is_refused(lab: Any, tmp_path: Path) -> None:
    robustkit.train(lab.config(), out=tmp_path / "run")
    with pytest.raises(ConfigError, match="holds a run already"):
        robustkit.train(lab.config(), out=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"settings\.epochs was 2, is 3; trainer was 'lab/plain:noise=0.1', is"):
        robustkit.train(lab.config(trainer="plain:noise=0.3", epochs=3), out=tmp_path / "run", resume=True)
    with pytest.raises(ConfigError, match="is not a run folder"):
        robustkit.train(lab.config(), out=lab.folder)
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "manifest.json").write_text('{"schema": 1, "identity": {}}')
    with pytest.raises(ConfigError, match="holds the results of evaluation, not of training"):
        robustkit.train(lab.config(), out=tmp_path / "eval", resume=True)


def test_a_changed_trainer_is_another_training(lab: Any, tmp_path: Path) -> None:
    copy = tmp_path / "lab.py"
    copy.write_text((lab.folder / "lab.py").read_text())
    config = lab.config(include=[str(copy)])
    interrupted_at = Stop(5)
    with pytest.raises(KeyboardInterrupt):
        robustkit.train(config, out=tmp_path / "run", observer=interrupted_at)
    copy.write_text(copy.read_text() + "\n# another version\n")
    with pytest.raises(ConfigError, match="trainer_source was"):
        robustkit.train(config, out=tmp_path / "run", resume=True)
