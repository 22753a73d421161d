"""`robustkit corrupt`, and `eval` on what it wrote."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def test_a_written_set_is_evaluated(robustkit: Any, small: Any, tmp_path: Path) -> None:
    done = robustkit("corrupt", small.data, "-o", "set", "-p", "corruptions/extra:severity=1..5")
    assert (done.code, done.out) == (0, "set\n")
    assert "[1200/1200]" in done.err
    names = {"speckle_noise.npy", "gaussian_blur.npy", "spatter.npy", "saturate.npy", "labels.npy", "manifest.json"}
    assert {path.name for path in (tmp_path / "set").iterdir()} == names
    model = [small.checkpoint, "--model", small.model]
    run = robustkit("eval", *model, "--data", "set", "--clean", small.data, "-p", "saturate:severity=2..3", "--json")
    rows = {row["condition"]: row for row in run.json["results"] if row["metric"] == "metrics/accuracy"}
    assert {text: row["source"] for text, row in rows.items()} == {
        "clean": "stored",
        "corruptions/saturate:source=stored,severity=2": "stored",
        "corruptions/saturate:source=stored,severity=3": "stored",
    }
    generated = robustkit("eval", *model, "--data", small.data, "-p", "saturate:severity=2..3", "--json")
    values = [row["value"] for row in generated.json["results"] if row["metric"] == "metrics/accuracy"]
    assert values == [row["value"] for row in rows.values()]
    alone = robustkit("eval", *model, "--data", "set", "-p", "saturate:severity=2", "--json")
    assert {row["condition"] for row in alone.json["results"]} == {"corruptions/saturate:source=stored,severity=2"}
    assert "there is no clean accuracy" in alone.err
    report = robustkit("report", alone.json["run"])
    assert report.code == 0, report.err


def test_json_and_quiet(robustkit: Any, small: Any) -> None:
    done = robustkit("corrupt", small.data, "-o", "set", "-p", "fog", "--json", "-q")
    assert done.err == ""
    assert {key: done.json[key] for key in ("set", "layout", "samples")} == {
        "set": "set",
        "layout": "npy",
        "samples": 60,
    }
    assert done.json["bytes"] == done.json["parts"]["fog.npy"]["bytes"]


def test_a_dry_run_writes_nothing(robustkit: Any, small: Any, tmp_path: Path) -> None:
    arguments = ["corrupt", small.data, "-o", "set", "-p", "fog", "--dry-run"]
    done = robustkit(*arguments)
    assert (done.code, len(done.out.splitlines())) == (0, 5)
    assert "300 images" in done.err
    found = robustkit(*arguments, "--json").json
    assert (found["layout"], found["images"], len(found["conditions"])) == ("npy", 300, 5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["-o", "set"], 2, "no perturbation"),
        (["-p", "fog"], 2, "no folder"),
        (["-p", "fog:severity=6", "-o", "set"], 2, "severity must lie in 0..5"),
        (["-p", "fog:severity=-1", "-o", "set"], 2, "severity must lie in 0..5"),
        (["-p", "fog:severity=0", "-o", "set"], 2, "whole severities from 1"),
        (["-p", "fog:severity=1..3", "-o", "set"], 2, "--layout folder"),
        (["-p", "fog:profile=imagnet", "-o", "set"], 2, "profile"),
        (["-p", "corruptions/comon", "-o", "set"], 2, "did you mean 'corruptions/common'"),
        (["-p", "fog", "--jpeg", "85", "-o", "set"], 2, "--jpeg"),
        (["-p", "fog", "--layout", "tar", "-o", "set"], 2, "layout"),
        (["-p", "fog", "--limit", "0", "-o", "set"], 2, "limit"),
        (["-p", "fog", "--device", "tpu", "-o", "set"], 2, "tpu"),
        (["-p", "fog", "-o", "set", "--view", "x"], 2, "view"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_flag(
    robustkit: Any, small: Any, tmp_path: Path, arguments: list[str], code: int, expected: str
) -> None:
    robustkit("corrupt", small.data, *arguments).assert_error(code, expected)
    assert not list(tmp_path.iterdir())


def test_missing_photographs_of_frost_and_a_missing_file(robustkit: Any, small: Any, tmp_path: Path) -> None:
    arguments = ["-o", "set", "-p", "corruptions/common"]
    robustkit("corrupt", small.data, *arguments, ROBUSTKIT_FROST="nowhere").assert_error(3, "frost")
    robustkit("corrupt", "nowhere.npz", *arguments).assert_error(2, "nowhere.npz")
    robustkit("eval", *small.arguments, "-p", "frost", ROBUSTKIT_FROST="nowhere").assert_error(3, "frost")
    assert not list(tmp_path.iterdir())


def test_a_full_target_is_refused(robustkit: Any, small: Any, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").touch()
    robustkit("corrupt", small.data, "-o", "set", "-p", "fog").assert_error(2, "not empty")
    (tmp_path / "file").touch()
    robustkit("corrupt", small.data, "-o", "file/set", "-p", "fog").assert_error(3, "file")


def test_an_interrupted_set_goes_on(robustkit: Any, start: Any, small: Any, tmp_path: Path) -> None:
    command = ["corrupt", small.data, "-p", "corruptions/common:severity=1..5"]
    process = start(*command, "-o", "killed")
    end = time.monotonic() + 60
    while not (tmp_path / "killed" / "shot_noise.npy").exists() and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert b"--resume" in error
    robustkit("eval", *small.arguments[:3], "--data", "killed").assert_error(2, "not finished", "--resume")
    assert robustkit(*command, "-o", "killed", "--resume").code == 0
    assert robustkit(*command, "-o", "whole").code == 0
    for path in (tmp_path / "whole").glob("*.npy"):
        assert path.read_bytes() == (tmp_path / "killed" / path.name).read_bytes(), path.name


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes are POSIX")
def test_a_disk_that_takes_no_more_is_an_error_and_no_crash(small: Any, tmp_path: Path) -> None:
    # The largest size that a file may have stands in for the disk: writing beyond fails with an OSError too.
    code = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (15000, 15000)); "
        "from robustkit.cli.main import run; run()"
    )
    command = [sys.executable, "-c", code, "corrupt", str(small.data), "-o", "set", "-p", "fog", "--device", "cpu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "robustkit: error: cannot write set/fog.npy" in done.stderr
    assert {path.name for path in (tmp_path / "set").iterdir()} == {"labels.npy", "manifest.json"}


def test_a_stored_set_that_is_damaged(robustkit: Any, small: Any, tmp_path: Path) -> None:
    assert robustkit("corrupt", small.data, "-o", "set", "-p", "fog").code == 0
    evaluate = ["eval", *small.arguments[:3], "--data", "set"]
    robustkit(*evaluate, "-p", "snow").assert_error(2, "not stored", "it holds fog (severity 1, 2, 3, 4, 5)")
    robustkit(*evaluate, "-a", "fgsm:eps=0.1").assert_error(2, "--clean")
    content = bytearray((tmp_path / "set" / "fog.npy").read_bytes())
    content[-1] ^= 1
    (tmp_path / "set" / "fog.npy").write_bytes(content)
    robustkit(*evaluate).assert_error(2, "expected the sha256")
    (tmp_path / "set" / "labels.npy").unlink()
    robustkit(*evaluate).assert_error(2, "labels.npy")


def test_published_files_without_a_manifest(robustkit: Any, small: Any, tmp_path: Path) -> None:
    with np.load(small.data) as archive:
        images, labels = archive["images"], archive["labels"]
    stored = tmp_path / "TOY-C"
    stored.mkdir()
    np.save(stored / "jpeg_compression.npy", np.tile(images, (5, 1, 1)))
    np.save(stored / "labels.npy", np.tile(labels, 5))
    evaluate = ["eval", *small.arguments[:3], "--data", stored, "--json"]
    run = robustkit(*evaluate)
    accuracy = [row for row in run.json["results"] if row["metric"] == "metrics/accuracy"]
    assert [row["value"] for row in accuracy] == [0.9] * 5
    assert accuracy[0]["perturbation"] == "corruptions/jpeg-compression"
    assert accuracy[0]["dataset"] == "TOY-C"
    np.save(stored / "jpeg_compression.npy", np.tile(images, (4, 1, 1)))
    robustkit(*evaluate).assert_error(2, "(300, h, w, c)", "(240, 8, 8)")
    np.save(stored / "jpeg_compression.npy", np.tile(images, (5, 1, 1)) / 255)
    robustkit(*evaluate).assert_error(2, "uint8", "float64")
    robustkit("eval", *small.arguments[:3], "--data", stored / "jpeg_compression.npy").assert_error(
        2, "of a stored -C set"
    )
    assert json.loads(run.out)["run"]


def test_of_two_at_once_one_writes_the_set_and_the_other_says_why_not(
    robustkit: Any, start: Any, small: Any, tmp_path: Path
) -> None:
    arguments = ["corrupt", small.data, "-p", "fog", "-p", "glass-blur", "-q"]
    both = [start(*arguments, "-o", "set") for _ in range(2)]
    said = [process.communicate(timeout=120)[1].decode() for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], said
    refused = said[codes.index(2)]
    assert "set is being written by another process" in refused or "set holds a set already" in refused
    assert "Traceback" not in refused
    assert robustkit(*arguments, "-o", "whole").code == 0
    for name in ("fog.npy", "glass_blur.npy", "labels.npy"):
        assert (tmp_path / "set" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
