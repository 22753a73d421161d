"""The README's way from a training to a report, as it stands there but for the number of samples and epochs."""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-c", "import sys; from robustkit.cli.main import run; sys.argv[0] = 'robustkit'; run()"]
CHEAP = {"train": ["--epochs", "1", "--limit", "300"], "eval": ["--limit", "100"], "report": []}
CAVEAT = "not the authors' code"


def commands() -> list[list[str]]:
    """Return the words of the section's commands, after `robustkit`."""
    readme = (ROOT / "README.md").read_text("utf8")
    section = readme.partition("\n## Train, evaluate, report\n")[2].partition("\n## ")[0]
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
