"""A third party's plugin beside the wheel of robustkit, in an environment that holds nothing else of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "robustkit-stripes"

pytestmark = pytest.mark.packaging


class Environment:
    """An environment into which things are installed as users do it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.commands, self.work = folder / "bin", folder / "work"
        self.work.mkdir()

    def install(self, *what: object) -> None:
        self.call("pip", "install", "-q", "-c", ROOT / "constraints.txt", *what)

    def call(self, name: str, *arguments: object) -> str:
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        command = [str(self.commands / name), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.work, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def listed(self) -> list[str]:
        return [row["name"] for row in json.loads(self.call("robustkit", "list", "--json"))["components"]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], check=True)
    made = Environment(tmp_path_factory.mktemp("env"))
    made.install(next(out.glob("*.whl")), "pytest")
    return made


def evaluate(environment: Environment, *what: str) -> list[dict[str, Any]]:
    find = "from robustkit_zoo.assets import ASSETS; print(ASSETS)"
    checkpoints = Path(environment.call("python", "-c", find).strip()) / "checkpoints"
    model = checkpoints / "fashion-cnn-standard-seed0.safetensors"
    data = ["--data", "zoo/fashion-mnist-mini", "--limit", "100", "--device", "cpu"]
    found: list[dict[str, Any]] = json.loads(environment.call("robustkit", "eval", model, *data, *what, "--json"))[
        "results"
    ]
    return found


def test_the_example_is_installed_tested_and_used(environment: Environment, tmp_path: Path) -> None:
    assert "stripes/stripes" not in environment.listed()
    source = shutil.copytree(EXAMPLE, tmp_path / "robustkit-stripes")
    environment.install(source)
    assert "stripes/stripes" in environment.listed()
    assert "4 passed" in environment.call("pytest", "-q", source)
    rows = evaluate(environment, "-m", "accuracy", "-p", "stripes:severity=5")
    assert [row["perturbation"] for row in rows] == ["clean", "stripes/stripes"]
    assert rows[1]["value"] < rows[0]["value"]


def test_a_new_plugin_is_written_from_the_wheel_installed_tested_and_used(environment: Environment) -> None:
    folder = environment.work / environment.call("robustkit", "new-plugin", "robustkit-haze").strip()
    environment.install("-e", f"{folder}[test]")
    assert "haze/haze" in environment.listed()
    assert "3 passed" in environment.call("pytest", "-q", folder)
    rows = evaluate(environment, "-m", "accuracy", "-p", "haze:severity=5")
    assert [row["perturbation"] for row in rows] == ["clean", "haze/haze"]
