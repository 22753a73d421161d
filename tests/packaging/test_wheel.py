"""The wheel holds everything, and runs where nothing else is installed."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], check=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_plugins_and_assets_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "robustkit/py.typed",
        "robustkit_zoo/assets/fashion-mnist-mini/t10k-images-idx3-ubyte.gz",
        "robustkit_zoo/assets/checkpoints/fashion-cnn-standard-seed0.safetensors",
        "robustkit_corruptions/__init__.py",
        "robustkit_attacks/__init__.py",
        "robustkit_metrics/__init__.py",
    ):
        assert wanted in names
    assert not [name for name in names if "test_" in name or name.endswith(".toml")]


def test_an_empty_environment_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    bin_folder = environment / "bin"
    pip = [bin_folder / "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run([str(part) for part in pip], check=True)
    done = subprocess.run([bin_folder / "robustkit", "demo"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    named = [line.strip() for line in done.stdout.splitlines() if line.startswith("  robustkit-demo")]
    assert named
    assert all((tmp_path / name).exists() for name in named)
