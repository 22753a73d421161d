"""`robustkit new-plugin`: what it writes installs, passes its tests and is used by `eval`; or nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from robustkit.cli.plugin_package import FILES, KINDS, package_names, render

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    "perturbation": "my_noise",
    "text-perturbation": "robustkit-stutter",
    "attack": "robustkit-corners",
    "metric": "robustkit-levels",  # a class of robustkit's own has this name
}
USES = [
    "-p",
    "my-noise:severity=2,grey=true",
    "-a",
    "corners/corners:eps=0.1,tries=3",
    "-m",
    "levels",
    "-m",
    "accuracy",
]

TEXT_NET = """
import torch
from torch import nn


class Net(nn.Module):
    max_length = 20

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(20, 2)

    def encode(self, texts):
        return torch.tensor([[ord(sign) / 128 for sign in text[:20].ljust(20)] for text in texts])

    def forward(self, encoded):
        return self.linear(encoded)
"""


def call(*command: object, **env: str) -> str:
    done = subprocess.run([*map(str, command)], env={**os.environ, **env}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def texts(tmp_path: Path) -> list[str]:
    """A model of texts and a table that fit each other."""
    import torch
    from safetensors.torch import save_file

    (tmp_path / "net.py").write_text(TEXT_NET)
    weights = {"linear.weight": torch.arange(40).reshape(2, 20).sin(), "linear.bias": torch.zeros(2)}
    save_file(weights, tmp_path / "text.safetensors")
    rows = [f"the sample has number {number:03d}\t{number % 2}" for number in range(60)]
    (tmp_path / "test.tsv").write_text("\n".join(["text\tlabel", *rows, ""]))
    return ["text.safetensors", "--model", "net.py:Net", "--data", "test.tsv"]


def test_each_kind_installs_passes_its_tests_and_is_used(
    robustkit: Any, small: Any, texts: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("hatchling", reason="the packages are built with what is here: no registry is asked")
    folders = []
    for kind, name in NAMES.items():
        result = robustkit("new-plugin", name, "--kind", kind)
        assert result.code == 0, result.err
        folders.append(tmp_path / result.out.strip())
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", tmp_path / "site"]
    call(sys.executable, "-m", "pip", *install, *folders)
    env = {"PYTHONPATH": str(tmp_path / "site")}
    passed = call(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", *folders, **env)
    assert "9 passed" in passed

    result = robustkit("eval", *small.arguments, *USES, "--json", **env)
    assert result.code == 0, result.err
    value = {(row["perturbation"], row["metric"]): row["value"] for row in result.json["results"]}
    assert {name for name, _ in value} == {"clean", "my-noise/my-noise", "corners/corners"}
    # By construction 6 of the 60 labels are wrong.
    assert value["clean", "metrics/accuracy"] == 0.9
    assert value["clean", "levels/levels"] >= 0.9
    assert value["corners/corners", "metrics/accuracy"] < 0.9

    result = robustkit("eval", *texts, "-p", "stutter:severity=5", "-m", "accuracy", "--json", **env)
    assert result.code == 0, result.err
    assert [row["perturbation"] for row in result.json["results"]] == ["clean", "stutter/stutter"]


def test_what_is_written_is_in_good_style_whatever_its_name(tmp_path: Path) -> None:
    for name in ("x", "my_noise", "robustkit-p2", "robustkit-a-name-of-many-words"):
        for kind in KINDS:
            for path, content in render(package_names(name), kind).items():
                file = tmp_path / f"{name} {kind}" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                assert b"$" not in content
    ruff = [sys.executable, "-m", "ruff"]
    call(*ruff, "check", "--no-cache", "--extend-select", "E,F,I,N,UP,B,A,C4,SIM,RUF,PTH,ARG", tmp_path)
    call(*ruff, "format", "--no-cache", "--check", tmp_path)


def test_it_has_the_files_of_the_example(root: Path) -> None:
    example = root / "examples" / "robustkit-stripes"
    written = set(render(package_names("robustkit-stripes"), "perturbation"))
    assert {name for name in written if not (example / name).is_file()} == {".gitignore"}


def test_stdout_has_the_path_and_stderr_the_next_steps(robustkit: Any, tmp_path: Path) -> None:
    result = robustkit("new-plugin", "robustkit-fog-bank", "-o", "some where/else")
    assert (result.code, result.out) == (0, "some where/else\n")
    assert "pip install -e 'some where/else[test]'" in result.err
    assert "-p fog-bank/fog-bank:severity=1..5" in result.err
    assert (tmp_path / "some where" / "else" / "src" / "robustkit_fog_bank" / "fog_bank.py").is_file()
    assert len(FILES) == sum(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b", "robustkit-a-b"),
        ("./stripes", "robustkit-stripes"),
        ("../../etc", "robustkit-etc"),
        ("Störung", "beginning with a letter"),
        ("", "beginning with a letter"),
        ("robustkit-", "beginning with a letter"),
        ("robustkit-3d", "robustkit-my-3d"),
        ("x" * 41, "at most 40"),
        ("double--dash", "robustkit-double-dash"),
        ("robustkit-class", "robustkit-my-class"),
        ("none", "robustkit-my-none"),
        ("params", "robustkit-my-params"),
        ("corruptions", "already taken by robustkit"),
        ("robustkit-corruptions", "already taken by robustkit"),
        ("robustkit", "hide the module 'robustkit'"),
        ("numpy", "robustkit-numpy"),
        ("random", "robustkit-random"),
    ],
)
def test_a_wrong_name(robustkit: Any, tmp_path: Path, name: str, expected: str) -> None:
    robustkit("new-plugin", name).assert_error(2, expected)
    assert not list(tmp_path.iterdir())


def test_a_wrong_kind(robustkit: Any, tmp_path: Path) -> None:
    robustkit("new-plugin", "mine", "--kind", "perturbatoin").assert_error(2, "did you mean 'perturbation'?")
    robustkit("new-plugin", "mine", "--kind", "sandwich").assert_error(2, "perturbation, attack, metric")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(robustkit: Any, tmp_path: Path) -> None:
    assert robustkit("new-plugin", "mine").code == 0
    changed = tmp_path / "mine" / "README.md"
    changed.write_text("my own words")
    robustkit("new-plugin", "mine").assert_error(2, "mine exists already")
    assert changed.read_text() == "my own words"
    robustkit("new-plugin", "other", "-o", ".").assert_error(2, "exists already")
    (tmp_path / "dangling").symlink_to("nowhere")
    robustkit("new-plugin", "dangling").assert_error(2, "exists already")


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(robustkit: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    robustkit("new-plugin", "mine", "-o", "file/mine").assert_error(3, "cannot write file/mine", "-o")
    robustkit("new-plugin", "mine", "-o", "long" * 80).assert_error(3, "name too long")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_halfway_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from robustkit.cli import new_plugin
    from robustkit.errors import RunError

    def full(path: Path, content: bytes) -> int:
        if path.name == "params.py":
            raise OSError(28, "No space left on device")
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="No space left on device"):
        new_plugin._write(tmp_path / "mine", render(package_names("mine"), "perturbation"))
    assert not list(tmp_path.iterdir())
