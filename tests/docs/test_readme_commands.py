"""The README's commands, as they stand there but for the number of samples and epochs."""

from __future__ import annotations

import csv
import html
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from robustkit_corruptions.frost_files import installed_package
from robustkit_zoo.params import CifarResNetParams
from robustkit_zoo.resnet_cifar import resnet20

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-c", "import sys; from robustkit.cli.main import run; sys.argv[0] = 'robustkit'; run()"]
CHEAP = {"train": ["--epochs", "1", "--limit", "300"], "eval": ["--limit", "100"], "report": []}
CAVEAT = "not the authors' code"


def commands(title: str = "Train, evaluate, report") -> list[list[str]]:
    """Return the words of a section's commands, after `robustkit`."""
    readme = (ROOT / "README.md").read_text("utf8")
    section = readme.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"^robustkit (.+)$", section, re.MULTILINE)]


def test_training_evaluation_and_report_follow_one_another(tmp_path: Path) -> None:
    env = {**os.environ, "ROBUSTKIT_DEVICE": "cpu", "NO_COLOR": "1"}
    assert [words[0] for words in commands()] == list(CHEAP)
    progress, path = {}, tmp_path
    for words in commands():
        whole = [*RUN, *words, *CHEAP[words[0]]]
        done = subprocess.run(whole, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        path, progress[words[0]] = tmp_path / line, done.stderr
        assert path.exists()
    assert "epoch 1/1: loss " in progress["train"]
    assert progress["eval"].strip()
    assert CAVEAT in progress["train"]
    assert CAVEAT in html.unescape(path.read_text("utf8"))


@pytest.mark.skipif(installed_package() is None, reason="the photographs of frost are not installed")
def test_corruptions_are_drawn_evaluated_written_and_read_again(tmp_path: Path) -> None:
    env = {**os.environ, "ROBUSTKIT_DEVICE": "cpu", "NO_COLOR": "1"}
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "test.npz", images=rng.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8), labels=np.arange(10))
    torch.save(resnet20(CifarResNetParams()).state_dict(), tmp_path / "model.pt")
    results = []
    assert [words[0] for words in commands("Image corruptions")] == ["show", "eval", "corrupt", "eval"]
    for words in commands("Image corruptions"):
        done = subprocess.run([*RUN, *words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        assert (tmp_path / line).exists()
        results += [(tmp_path / line / "results.csv").read_text("utf8")] if words[0] == "eval" else []
    generated, stored = (
        {
            (row["perturbation"], row["severity"], row["metric"]): row["value"]
            for row in csv.DictReader(io.StringIO(text))
        }
        for text in results
    )
    assert len(generated) == 76 * 4
    assert generated == stored
