"""The command as users run it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def assert_error(self, code: int, *parts: str) -> None:
        """Assert the documented exit code, one line of error with a hint, and no traceback."""
        text = self.out + self.err
        assert self.code == code, text
        assert "Traceback" not in text
        errors = [line for line in self.err.splitlines() if line.startswith("robustkit: error:")]
        assert len(errors) == 1, text
        assert "  hint: " in self.err
        for part in parts:
            assert part in self.err, text


Run = Callable[..., Result]

COMMAND = [sys.executable, "-c", "import sys; from robustkit.cli.main import run; sys.argv[0] = 'robustkit'; run()"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "ROBUSTKIT_DEVICE": "cpu", "NO_COLOR": "1", **more}


@pytest.fixture
def robustkit(tmp_path: Path) -> Run:
    """Run `robustkit …` in an empty folder."""

    def run(*arguments: object, cwd: Path = tmp_path, **env: str) -> Result:
        command = [*COMMAND, *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=300)
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start `robustkit …` and hand back the running process."""

    def begin(*arguments: object) -> subprocess.Popen[bytes]:
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A shell's background jobs ignore SIGINT, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
        )

    return begin


@dataclass
class Small:
    """A small model and data that fit each other."""

    checkpoint: Path
    model: str
    data: Path

    @property
    def arguments(self) -> list[str]:
        return [str(self.checkpoint), "--model", self.model, "--data", str(self.data)]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A linear classifier of 3 classes and 60 images 1x8x8 on which it is mostly right."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    weight = torch.from_numpy(rng.normal(size=(3, 64)).astype(np.float32))
    labels = (torch.from_numpy(images).reshape(60, -1).float() / 255 @ weight.T).argmax(dim=1).numpy()
    labels[:6] = (labels[:6] + 1) % 3
    np.savez(folder / "data.npz", images=images, labels=labels)
    (folder / "net.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    save_file({"1.weight": weight, "1.bias": torch.zeros(3)}, folder / "model.safetensors")
    return Small(folder / "model.safetensors", f"{folder / 'net.py'}:build", folder / "data.npz")
