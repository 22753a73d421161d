"""Bad input: one line that says what is wrong, a hint, the documented exit code, no traceback, nothing half-written."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


def nothing_was_written(folder: Path) -> bool:
    return not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-p", "gausian-noise"], "did you mean 'gaussian-noise'"),
        (["-a", "pgdd:eps=0.1"], "did you mean 'pgd'"),
        (["-m", "acuracy"], "did you mean 'accuracy'"),
        (["-p", "gaussian-noise:severty=3"], "severty"),
        (["-p", "gaussian-noise:severity=9"], "severity must lie in 0..5"),
        (["-p", "gaussian-noise:profile=cifarr"], "profile"),
        (["-p", "pgd:eps=0.1"], "give it with -a"),
        (["-a", "pgd"], "needs an eps"),
        (["-a", "pgd:eps=8"], "8/255"),
        (["-a", "pgd:eps=0"], "eps must be above 0, got 0"),
        (["-a", "fgsm:eps=[0.1,-0.1]"], "eps must be above 0, got -0.1"),
        (["-a", "pgd:eps=0.1,norm=l7"], "norm"),
        (["-a", "pgd:eps=0.1,search=fp7"], "search=fp7"),
        (["-a", "pgd:eps=0.1,search=tf32", "--device", "cpu"], "attacks/pgd: search=tf32 needs a CUDA device"),
        (["--precision", "tf32", "--device", "cpu"], "--precision tf32 needs a CUDA device"),
        (["--normalize", "imagnet"], "imagenet"),
        (["--limit", "0"], "limit"),
        (["--split", "banana"], "is not divided into parts: 'banana' cannot be chosen"),
        (["--indices", "nowhere.txt"], "nowhere.txt"),
        (["--device", "tpu"], "tpu"),
        (["--device", "cuda:99"], "cuda"),
        (["--precision", "fp7"], "precision"),
        (["--seed", "x"], "--seed"),
        (["--include", "nowhere.py"], "nowhere.py"),
        (["--no-plugin", "nowhere"], "nowhere"),
        (["--set", "batchsize=3"], "batch_size"),
        (["--fail-under", "much"], "METRIC=VALUE"),
        (["--fail-under", "accuracy=nan"], "finite number"),
        (["--fail-under", "accuracy=-inf"], "finite number"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_flag(robustkit: Any, small: Any, tmp_path: Path, arguments: list[str], expected: str) -> None:
    robustkit("eval", *small.arguments, *arguments).assert_error(2, expected)
    assert nothing_was_written(tmp_path)


def test_a_wrong_model(robustkit: Any, small: Any, tmp_path: Path) -> None:
    base = ["eval", small.checkpoint, "--data", small.data]
    robustkit(*base).assert_error(2, "--model")
    robustkit(*base, "--model", "resnet20-cifarr").assert_error(2, "did you mean 'resnet20-cifar'")
    robustkit(*base, "--model", "resnet20-cifar").assert_error(2)
    robustkit(*base, "--model", "nowhere.py:build").assert_error(2, "nowhere.py")
    robustkit(*base, "--model", small.model.replace(":build", ":bild")).assert_error(2, "build")
    assert nothing_was_written(tmp_path)


def test_json_errors_are_json(robustkit: Any, small: Any) -> None:
    result = robustkit("eval", *small.arguments, "-p", "gausian-noise", "--json")
    assert result.code == 2
    assert result.json["error"]["code"] == 2
    assert "gaussian-noise" in result.json["error"]["hint"]


def test_a_missing_checkpoint_or_data(robustkit: Any, small: Any, tmp_path: Path) -> None:
    rest = ["--model", small.model, "--data", small.data]
    near = small.checkpoint.with_name("modell.safetensors")
    robustkit("eval", near, *rest).assert_error(2, "modell.safetensors", "did you mean")
    robustkit("eval", small.checkpoint, "--model", small.model, "--data", tmp_path / "x.npz").assert_error(2, "x.npz")
    robustkit("eval", small.checkpoint, "--model", small.model, "--data", "fashion-mnist-min").assert_error(
        2, "fashion-mnist-mini"
    )
    robustkit("eval", *rest).assert_error(2, "no checkpoint")
    robustkit("eval", small.checkpoint, "--model", small.model).assert_error(2, "no data")


def images(n: int = 12, shape: tuple[int, ...] = (8, 8)) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


def with_nan() -> np.ndarray[Any, Any]:
    made = images().astype(np.float32) / 255
    made[3, 2, 2] = np.nan
    return made


BAD_DATA = {
    "empty": (images(0), np.zeros(0, dtype=np.int64), "empty"),
    "labels outside": (images(), np.full(12, 7), "label 7"),
    "negative labels": (images(), np.full(12, -1), "-1"),
    "wrong size": (images(shape=(9, 9)), np.zeros(12, dtype=np.int64), "9"),
    "wrong channels": (images(shape=(8, 8, 3)), np.zeros(12, dtype=np.int64), "3"),
    "not images": (images(shape=()), np.zeros(12, dtype=np.int64), "images"),
    "nan": (with_nan(), np.zeros(12, dtype=np.int64), "NaN"),
    "normalised": (images().astype(np.float32) / 128 - 1, np.zeros(12, dtype=np.int64), "[0, 1]"),
    "0..255 floats": (images().astype(np.float32), np.zeros(12, dtype=np.int64), "255"),
    "lengths": (images(), np.zeros(11, dtype=np.int64), "11"),
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data(robustkit: Any, small: Any, tmp_path: Path, kind: str) -> None:
    pixels, labels, expected = BAD_DATA[kind]
    np.savez(tmp_path / "bad.npz", images=pixels, labels=labels)
    command = ["eval", small.checkpoint, "--model", small.model, "--data", tmp_path / "bad.npz"]
    robustkit(*command).assert_error(2, expected)
    assert nothing_was_written(tmp_path)


@pytest.mark.parametrize("kind", ["nan", "normalised", "0..255 floats", "labels outside"])
def test_bad_data_in_npy_files(robustkit: Any, small: Any, tmp_path: Path, kind: str) -> None:
    pixels, labels, expected = BAD_DATA[kind]
    folder = tmp_path / "bad"
    folder.mkdir()
    np.save(folder / "images.npy", pixels)
    np.save(folder / "labels.npy", labels)
    command = ["eval", small.checkpoint, "--model", small.model, "--data", folder, "-a", "pgd:eps=0.1"]
    robustkit(*command).assert_error(2, expected)
    assert nothing_was_written(tmp_path)


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("form", ["zip", "legacy", "bare"])
def test_a_malicious_pickle_does_not_run(robustkit: Any, small: Any, tmp_path: Path, form: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / "evil.pt"
    content = {"state_dict": {"1.weight": torch.zeros(3, 64)}, "extra": Payload(marker)}
    if form == "bare":
        path.write_bytes(pickle.dumps(content["extra"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    command = ["eval", path, "--model", small.model, "--data", small.data]
    robustkit(*command).assert_error(2, "system", "--trust-pickle")
    assert not marker.exists()
    robustkit(*command, "--trust-pickle")
    assert marker.exists(), "the control: the payload does run where it is trusted"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n", "LFS"),
        (b"", "empty"),
        (b"PK\x03\x04" + b"\0" * 200, "zip"),
    ],
    ids=["html", "lfs", "empty", "truncated zip"],
)
def test_what_is_not_a_checkpoint_is_called_by_its_name(
    robustkit: Any, small: Any, tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    robustkit("eval", path, "--model", small.model, "--data", small.data).assert_error(2, expected)


def test_a_run_folder_that_cannot_be_made(robustkit: Any, small: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    robustkit("eval", *small.arguments, "-o", tmp_path / "file").assert_error(2, "not a run folder")
    robustkit("eval", *small.arguments, "-o", tmp_path / "file" / "run").assert_error(3, "cannot write", "--out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    robustkit("eval", *small.arguments, "-o", tmp_path / "mine").assert_error(2, "not a run folder")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def mounted(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return shutil.which("mount") is not None and subprocess.run(command, capture_output=True).returncode == 0


def test_a_full_disk_loses_nothing_and_is_resumable(robustkit: Any, small: Any, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mounted(disk, "size=56k"):
        pytest.skip("mounting a small file system needs privileges that this user lacks")
    try:
        command = ["eval", *small.arguments, "-p", "gaussian-noise:severity=1..5", "-o", disk / "run"]
        robustkit(*command).assert_error(3, "No space left", "--resume")
        assert not list(disk.rglob("*.partial"))
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert robustkit(*command, "--resume").code == 0
        whole = robustkit(*command[:-1], tmp_path / "whole")
        assert whole.code == 0
        assert (disk / "run" / "results.csv").read_bytes() == (tmp_path / "whole" / "results.csv").read_bytes()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_read_only_run_folder(robustkit: Any, small: Any, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mounted(disk, "ro,size=1m"):
        pytest.skip("mounting a read-only file system needs privileges that this user lacks")
    try:
        robustkit("eval", *small.arguments, "-o", disk / "run").assert_error(3, "Read-only file system", "--out")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_show_of_what_is_no_run(robustkit: Any, tmp_path: Path) -> None:
    robustkit("show", tmp_path).assert_error(2, "not a run folder")
