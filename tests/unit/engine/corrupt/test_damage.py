"""What is wrong with a stored set is found before it is evaluated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from robustkit.engine.data.stored import manifest as stored_manifest
from robustkit.errors import DataError


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("large", [False, True])
def test_one_flipped_byte_of_an_array_is_found(
    write: Any, plan_of: Any, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    done = write()
    flip(done.path / "fog.npy")
    if large:
        monkeypatch.setattr(stored_manifest, "SMALL", 100)
        plan_of(done.path)
    with pytest.raises(DataError, match=r"fog\.npy: expected the sha256"):
        plan_of(done.path, verify=large)
    plan_of(done.path, perturbation=["gaussian-noise"], verify=True)


def test_one_flipped_byte_of_a_file_is_found(write: Any, plan_of: Any, folder: Path) -> None:
    done = write(data=str(folder), perturbation=["fog:severity=[2,3]"])
    flip(next((done.path / "fog" / "3").rglob("*.png")))
    with pytest.raises(DataError, match="fog/3: expected the sha256"):
        plan_of(done.path)
    plan_of(done.path, perturbation=["fog:severity=2"])


def test_an_array_of_another_length_or_one_that_is_not_listed_is_refused(write: Any, plan_of: Any) -> None:
    done = write()
    shutil.copy(done.path / "fog.npy", done.path / "snow.npy")
    with pytest.raises(DataError, match=r"snow\.npy: expected only parts that manifest\.json lists"):
        plan_of(done.path)
    (done.path / "snow.npy").unlink()
    with (done.path / "fog.npy").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DataError, match=r"bytes, as manifest\.json says"):
        plan_of(done.path)


def test_a_part_that_is_gone_is_said_where_all_are_wanted(write: Any, plan_of: Any, folder: Path) -> None:
    done = write()
    (done.path / "fog.npy").unlink()
    with pytest.raises(DataError, match=r"manifest\.json lists fog\.npy, which is not there") as error:
        plan_of(done.path)
    assert "-p" in error.value.hint
    plan_of(done.path, perturbation=["gaussian-noise"])
    done = write("files", data=str(folder), perturbation=["fog:severity=[2,3]"])
    shutil.rmtree(done.path / "fog" / "3")
    with pytest.raises(DataError, match="lists fog/3, which is not there"):
        plan_of(done.path)


def test_foreign_files_in_a_folder_of_a_set(write: Any, plan_of: Any, folder: Path) -> None:
    done = write(data=str(folder), perturbation=["fog:severity=2"])
    for hidden in (".DS_Store", "n00/._ILSVRC_0001.png"):
        (done.path / "fog" / "2" / hidden).write_text("of a file manager")
    plan_of(done.path)
    (done.path / "fog" / "2" / "n00" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"fog/2: expected 12 files, as manifest\.json says, got 13") as error:
        plan_of(done.path)
    assert "remove" in error.value.hint
    (done.path / "fog" / "2" / "n00" / "notes.txt").unlink()
    (done.path / "snow" / "2" / "n00").mkdir(parents=True)
    with pytest.raises(DataError, match=r"snow/2: expected only parts that manifest\.json lists"):
        plan_of(done.path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m | {"samples": {"n": 2, "ids": [0]}}, "not as robustkit writes it"),
        (lambda m: m | {"samples": {"n": 2, "ids": [0, 0.5]}}, "not as robustkit writes it"),
        (lambda m: m | {"seed": "1"}, "not as robustkit writes it"),
        (lambda m: m | {"seed": 1.5}, "not as robustkit writes it"),
        (lambda m: m | {"status": "not finished"}, "was not finished"),
        (lambda m: m | {"set_schema": 9}, "schema 1, got 9"),
        (lambda m: m | {"parts": {"fog.npy": {}}}, "not as robustkit writes it"),
        (lambda m: m | {"parts": []}, "not as robustkit writes it"),
        (lambda m: m | {"samples": {"ids": [99]}}, "not as robustkit writes it"),
        (lambda m: {key: value for key, value in m.items() if key != "dataset"}, "not as robustkit writes it"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(write: Any, plan_of: Any, change: Any, expected: str) -> None:
    done = write()
    (done.path / "manifest.json").write_text(json.dumps(change(done.manifest)))
    with pytest.raises(DataError, match=expected):
        plan_of(done.path)


def test_a_name_in_a_manifest_is_no_place_for_other_things(write: Any, plan_of: Any) -> None:
    done = write()
    done.manifest["parts"]["fog.npy"]["component"] = "a/b:severity=1,\n"
    (done.path / "manifest.json").write_text(json.dumps(done.manifest))
    with pytest.raises(DataError, match="is no component"):
        plan_of(done.path)
