"""The Python examples of the README and of docs/, and the commands of the plugin page, run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = [sys.executable, "-c", "import sys; from robustkit.cli.main import run; sys.argv[0] = 'robustkit'; run()"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with what the examples name: a checkpoint, the plugins of the checkout, a small run."""
    checkpoints = ROOT / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"
    shutil.copy(checkpoints / "fashion-cnn-standard-seed0.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "plugins").symlink_to(ROOT / "plugins")
    return tmp_path


def call(folder: Path, *command: str) -> str:
    env = {**os.environ, "ROBUSTKIT_DEVICE": "cpu", "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_examples_run(page: Path, folder: Path) -> None:
    if "robustkit-demo" in page.read_text("utf8"):
        call(
            folder,
            *RUN,
            "eval",
            "model.safetensors",
            "--data",
            "zoo/fashion-mnist-mini",
            "--limit",
            "50",
            "-o",
            "robustkit-demo",
        )
    for number, block in enumerate(blocks(page, "python")):
        name = re.match(r"# (\w+\.py)\n", block)
        path = folder / (name[1] if name else f"example_{number}.py")
        path.write_text(block)
        output = call(folder, sys.executable, path.name)
        assert output or name or "print" not in block


def test_the_commands_of_the_plugin_page_run(folder: Path) -> None:
    page = ROOT / "docs" / "plugins.md"
    for block in blocks(page, "python"):
        if name := re.match(r"# (\w+\.py)\n", block):
            (folder / name[1]).write_text(block)
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert len(commands) == 7
    outputs = [call(folder, *RUN, *command.split()[1:]) for command in commands]
    assert "my-lab/stripes" in outputs[0]
    assert "Width of a stripe in pixels." in outputs[1]
    assert "input-gradient" in (folder / "mixed-run" / "results.csv").read_text("utf8")
    assert (folder / "mixed-report" / "verdict.txt").read_text("utf8").startswith("clean: ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_anchors_lead_to_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf8")):
        assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+)", (ROOT / "README.md").read_text("utf8")))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}


def test_the_readmes_first_screen_has_the_two_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text("utf8").splitlines()[:20])
    commands = re.findall(r"```sh\n(.*?)\n```", first_screen, re.DOTALL)
    assert len(commands) == 2
    assert commands[0].endswith("&& robustkit demo")
    assert commands[1].endswith("&& tox")


def test_every_required_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["peers"]]
    names = {re.match(r"[\w-]+", line)[0] for line in wanted}  # type: ignore[index]
    documented = set(
        re.findall(r"^\| ([\w-]+) \|", (ROOT / "docs" / "dependencies.md").read_text("utf8"), re.MULTILINE)
    )
    assert names == documented - {"package"}
