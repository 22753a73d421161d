"""`robustkit train` as users run it: results on stdout, resumes after a kill, and errors that help."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SLOW = """
import time

import robustkit
from torch import nn
from torch.nn import functional


class Slow(nn.Module):
    def __init__(self, params, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        time.sleep(0.1)
        noise = batch.keys.normal(*batch.inputs.shape[1:]).to(batch.inputs)
        return {"loss": functional.cross_entropy(self.model(batch.inputs + 0.1 * noise), batch.labels)}


@robustkit.hookimpl
def robustkit_trainers():
    return [robustkit.Trainer(name="slow", summary="a test", target=Slow, caveat="takes its time")]
"""

NET = """
from torch import nn


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3))
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A training of 4 epochs of 9 steps on 80 images."""
    folder = tmp_path_factory.mktemp("lab")
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 3
    images = (rng.integers(0, 100, (80, 8, 8)) + 70 * labels[:, None, None]).astype(np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)
    (folder / "slow.py").write_text(SLOW)
    (folder / "net.py").write_text(NET)
    return [
        *("train", "slow", "--include", str(folder / "slow.py"), "--data", str(folder / "data.npz")),
        *("--model", f"{folder / 'net.py'}:build", "--epochs", "4", "--batch-size", "8", "--checkpoint-every", "2"),
    ]


def outcome(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("model.safetensors", "last.safetensors", "history.csv")}


@pytest.fixture(scope="module")
def undisturbed(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the training of `arguments` writes when nobody stops it, in this process."""
    import robustkit

    options = dict(zip(arguments[2::2], arguments[3::2], strict=True))
    folder = tmp_path_factory.mktemp("undisturbed")
    config = {"trainer": "slow", "include": [options["--include"]], "epochs": 4, "batch_size": 8, "device": "cpu"}
    robustkit.train({**config, "data": options["--data"], "model": options["--model"]}, out=folder)
    return outcome(folder)


def stop_in_the_middle(process: subprocess.Popen[bytes], state: Path, number: signal.Signals) -> tuple[int, bytes]:
    """Wait until the process has stored a state of its own, let it take a step or two, and stop it."""
    before, end = state.stat().st_mtime_ns if state.exists() else 0, time.monotonic() + 60
    while not state.exists() or state.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.15)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_stopped_in_the_middle_again_and_again_it_ends_in_the_same_bytes(
    robustkit: Any, start: Any, arguments: list[str], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for number, expected, status in (
        (signal.SIGKILL, -signal.SIGKILL, "running"),
        (signal.SIGTERM, 130, "interrupted"),
        (signal.SIGINT, 130, "interrupted"),
    ):
        process = start(*arguments, "-o", run, "--resume")
        code, err = stop_in_the_middle(process, run / "state" / "state.pt", number)
        assert code == expected, err
        assert b"Traceback" not in err
        assert (b"with --resume to continue" in err) == (number != signal.SIGKILL)
        assert json.loads((run / "manifest.json").read_text())["status"] == status
    result = robustkit(*arguments, "-o", run, "--resume")
    assert result.code == 0, result.err
    assert result.out.strip() == str(run / "model.safetensors")
    begun = [
        json.loads(line)["step"] for line in (run / "events.jsonl").read_text().splitlines() if '"started"' in line
    ]
    assert (len(begun), begun[0]) == (4, 0)
    assert begun == sorted(set(begun))
    assert any(step % 9 for step in begun)  # not only between epochs of nine steps
    assert f"continuing after step {begun[-1]}" in result.err
    assert outcome(run) == undisturbed


def test_stdout_is_the_path_or_one_json_object_and_progress_is_on_stderr(robustkit: Any, tmp_path: Path) -> None:
    small = ("--data", "zoo/fashion-mnist-mini", "--model", "small-cnn:width=2", "--limit", 100, "--batch-size", 32)
    result = robustkit("train", "standard", *small, "--epochs", 2, "--json", "-o", tmp_path / "run")
    assert result.code == 0, result.err
    facts = result.json
    assert set(facts) == {"run", "model", "last", "selected_epoch", "history", "caveat"}
    assert len(facts["history"]) == 2
    assert "robustkit: 2 epoch(s) of 2 step(s)" in result.err
    assert "epoch 2/2: loss " in result.err
    again = robustkit("train", "-o", tmp_path / "run", "--resume", "-q")
    assert again.code == 0, again.err
    assert again.out.strip() == facts["model"]
    assert "is finished already: nothing to do" in again.err


def test_a_training_that_cannot_have_learnt_says_so_on_stderr(robustkit: Any, tmp_path: Path) -> None:
    small = ("--data", "zoo/fashion-mnist-mini", "--model", "small-cnn:width=2", "--limit", 100, "--batch-size", 32)
    result = robustkit("train", "standard", *small, "--epochs", 1, "--lr", 1e-9, "-q", "-o", tmp_path / "run")
    assert result.code == 0, result.err
    assert "note: an epoch has 2 step(s) only: 90 samples to train on, --batch-size 32" in result.err
    assert "the most frequent class, would have" in result.err
    assert result.out.strip() == str(tmp_path / "run" / "model.safetensors")


def test_a_dry_run_says_what_configuration_flags_and_settings_come_to(robustkit: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        'data = "zoo/fashion-mnist-mini"\nmodel = "small-cnn"\nepochs = 3\nlimit = 200\nbatch-size = 32\n\n'
        '[trainer]\nname = "fcl"\nnegatives = 3\n'
    )
    arguments = [
        "--config",
        "c.toml",
        "--epochs",
        2,
        "--set",
        "trainer.negatives=2",
        "--dry-run",
        "--json",
        "-o",
        "run",
    ]
    facts = robustkit("train", *arguments).json
    assert "negatives=2" in facts["trainer"]
    assert "not the authors' code" in facts["caveat"]
    assert (facts["train"], facts["validation"], facts["epochs"], facts["steps"]) == (180, 20, 2, 10)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        ([], 2, ["no trainer was given", "robustkit list trainers"]),
        (["standard", "--set", "epoch=3"], 2, ["unknown key 'epoch'", "did you mean 'epochs'"]),
        (["standard", "--data", "d.npz", "--model", "small-cnn"], 2, ["images", "for split 'train'"]),
        (["standard", "--data", "t.tsv", "--model", "char-cnn"], 2, ["no column of labels", "--label-column"]),
        (
            ["fcl:patch=99", "--data", "zoo/fashion-mnist-mini", "--model", "small-cnn", "--dry-run"], 2,
            ["patch=99 makes 1 feature of images of 28x28 pixels", "smaller patches"],
        ),
        (["standard", "--lr", "fast"], 2, ["'fast' is not a valid float"]),
        (
            ["standard", "--data", "zoo/fashion-mnist-mini", "--model", "small-cnn:width=2", "--limit", "200",
             "--batch-size", "32", "--optimizer", "sgd", "--lr", "1e30"],
            3, ["no longer a number", "lower --lr than 1e+30"],
        ),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_with_a_hint(
    robustkit: Any, tmp_path: Path, arguments: list[str], code: int, parts: list[str]
) -> None:
    np.savez(tmp_path / "d.npz", images=np.zeros((9, 8, 8), dtype=np.uint8))
    (tmp_path / "t.tsv").write_text("text\tnumber\n" + "a cat\t1\n" * 9)
    robustkit("train", *arguments).assert_error(code, *parts)


EVIL = """
from pathlib import Path

from torch import nn

Path({mark!r}).touch()


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
"""


@pytest.mark.parametrize("command", ["train", "eval"])
@pytest.mark.parametrize("spec", ["evil.py:build", "evil:build", "a:b=c.py:build"])
def test_a_folder_does_not_name_code_that_a_resumption_runs(
    robustkit: Any, small: Any, tmp_path: Path, command: str, spec: str
) -> None:
    (tmp_path / "run").mkdir()
    for name in ("evil.py", "a:b=c.py"):
        (tmp_path / name).write_text(EVIL.format(mark=str(tmp_path / "mark")))
    model = {
        "train": f'model = "{spec}"\nepochs = 1\nbatch_size = 9\n\n[trainer]\nname = "standard"\n',
        "eval": f'\n[[model]]\ncheckpoint = "{small.checkpoint}"\nmodel = "{spec}"\n',
    }[command]
    (tmp_path / "run" / "config.toml").write_text(f'data = "{small.data}"\n{model}')
    arguments = (command, "--resume", "--out", "run", "--dry-run")
    robustkit(*arguments).assert_error(2, "names code to run as the model", f"--model {spec}")
    robustkit(*arguments, "--set", "seed=1").assert_error(2, "names code to run as the model")
    assert not (tmp_path / "mark").exists()
    result = robustkit(*arguments, "--model", spec)
    assert result.code == 0, result.err
    assert (tmp_path / "mark").exists()
