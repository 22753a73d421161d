"""A folder that was damaged since: what can be mended from the state is mended, anything else is said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import robustkit
from robustkit.errors import DataError, RobustkitError
from robustkit.training.observer import Unobserved

WEIGHTS = ("model.safetensors", "last.safetensors")


class Count(Unobserved):
    """Counts steps and keeps notes."""

    def __init__(self) -> None:
        self.steps, self.notes = 0, list[str]()

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        self.steps += 1

    def noted(self, text: str) -> None:
        self.notes.append(text)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_manifest_has_the_digests_of_the_weights(lab: Any, tmp_path: Path) -> None:
    robustkit.train(lab.config(), out=tmp_path)
    stated = json.loads((tmp_path / "manifest.json").read_text())["files"]
    assert stated == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in WEIGHTS}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("damage", [flip, Path.unlink], ids=["flipped", "missing"])
def test_damaged_weights_of_a_finished_training_are_written_anew(
    lab: Any, tmp_path: Path, name: str, damage: Any
) -> None:
    done = robustkit.train(lab.config(), out=tmp_path)
    before = {each: (tmp_path / each).read_bytes() for each in WEIGHTS}
    damage(tmp_path / name)
    count = Count()
    again = robustkit.train(lab.config(), out=tmp_path, resume=True, observer=count)
    assert {each: (tmp_path / each).read_bytes() for each in WEIGHTS} == before
    assert (again.history, again.selected_epoch, again.computed, count.steps) == (
        done.history,
        done.selected_epoch,
        0,
        0,
    )
    assert count.notes == [f"{name}: damaged or missing, to be written anew from the state"]
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("damage", [flip, Path.unlink], ids=["flipped", "missing"])
def test_without_a_state_damaged_weights_are_an_error(lab: Any, tmp_path: Path, damage: Any) -> None:
    robustkit.train(lab.config(), out=tmp_path)
    flip(tmp_path / "model.safetensors")
    damage(tmp_path / "state" / "state.pt")
    history = json.loads((tmp_path / "manifest.json").read_text())["history"]
    for _ in range(2):
        with pytest.raises(DataError, match=r"state\.pt.* is (damaged|missing too)") as caught:
            robustkit.train(lab.config(), out=tmp_path, resume=True)
        assert "another folder" in caught.value.hint
        assert json.loads((tmp_path / "manifest.json").read_text())["history"] == history


def test_a_finished_training_needs_no_state(lab: Any, tmp_path: Path) -> None:
    robustkit.train(lab.config(), out=tmp_path)
    (tmp_path / "state" / "state.pt").unlink()
    assert robustkit.train(lab.config(), out=tmp_path, resume=True).computed == 0


ODD: tuple[Any, ...] = (None, 7, -1.5, "x", [], [1], {}, {"a": 1}, float("nan"))
FIELDS = ("status", "started", "environment", "selected_epoch", "history", "files", "resumed")


@pytest.fixture(scope="module")
def finished(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("finished")
    robustkit.train(lab.config(), out=folder)
    return folder, (folder / "manifest.json").read_text()


def resume(lab: Any, folder: Path, manifest: Any) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest))
    robustkit.train(lab.config(), out=folder, resume=True)


@pytest.mark.parametrize("status", ["finished", "interrupted"])
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_another_type_is_named(lab: Any, finished: tuple[Path, str], name: str, status: str) -> None:
    folder, text = finished
    whole = json.loads(text) | {"status": status, "resumed": [{"time": "now", "environment": {}}]}
    kind = type(whole[name])
    for value in ODD:
        # An empty list or table is of the right type.
        if type(value) is not kind or (name == "history" and value):
            with pytest.raises(DataError, match="is damaged"):
                resume(lab, folder, {**whole, name: value})


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "resumed"])
def test_a_missing_field_is_named(lab: Any, finished: tuple[Path, str], name: str) -> None:
    folder, text = finished
    whole = json.loads(text)
    del whole[name]
    with pytest.raises(DataError, match=f"is damaged: '{name}': Field required"):
        resume(lab, folder, whole)


@pytest.mark.parametrize("key", ["epoch", "lr", "loss", "largest", "validation_n", "validation_correct"])
def test_a_row_of_the_history_is_checked(lab: Any, finished: tuple[Path, str], key: str) -> None:
    folder, text = finished
    for value in (None, "x", float("nan"), float("inf"), [1], True, -3):
        if key in ("lr", "loss", "largest") and value == -3:
            continue
        whole = json.loads(text)
        whole["history"][1][key] = value
        with pytest.raises(DataError, match="row 2 of the history is damaged"):
            resume(lab, folder, whole)


def test_any_other_field_may_be_anything(lab: Any, finished: tuple[Path, str]) -> None:
    """What is not read does no harm, and what says that it is another training is refused as one."""
    folder, text = finished
    whole = json.loads(text)
    for name in whole.keys() - {*FIELDS}:
        for value in ODD:
            try:
                resume(lab, folder, {**whole, name: value})
            except RobustkitError as error:
                assert name in ("schema", "kind", "identity"), error  # noqa: PT017 - most of them pass
