"""The page on writing a perturbation, followed from top to bottom as a reader would, in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "writing-a-perturbation.md"
EXAMPLE = ROOT / "examples" / "robustkit-stripes"
NOT_ON_THE_PAGE = {"LICENSE"}

FORKER = """
import json, os, runpy, site, sys, sysconfig, traceback
import pytest, torch
import robustkit.evaluation, robustkit.testing
from robustkit.cli.main import run
commands = {"pytest": pytest.main, "robustkit": run, "python": lambda arguments: runpy.run_path(*arguments)}
for line in sys.stdin:
    name, *arguments, output = json.loads(line)
    child = os.fork()
    if child == 0:
        stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        site.addsitedir(sysconfig.get_path("purelib"))
        code = 1
        try:
            code = commands[name](arguments)
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code if isinstance(code, int) else 0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports torch once, and runs each command that it reads in a child that has it already."""

NEEDS_TORCH = ("python ", "pytest ", "robustkit eval", "robustkit doctor --check")


class Block(NamedTuple):
    """A fenced block of the page."""

    line: int
    language: str
    title: str
    text: str


def blocks() -> list[Block]:
    page = PAGE.read_text("utf8")
    found = re.finditer(r'^(`{3,})(\w+)(?: title="([^"]+)")?\n(.*?)^\1$', page, re.DOTALL | re.MULTILINE)
    return [Block(page.count("\n", 0, each.start()) + 1, each[2], each[3] or "", each[4]) for each in found]


def files() -> dict[str, str]:
    return {block.title: block.text for block in blocks() if block.title and block.language != "diff"}


@dataclass
class Reader:
    """Somebody who does what the page says, where robustkit is installed and nothing of theirs."""

    folder: Path
    env: dict[str, str]
    forker: subprocess.Popen[str] | None = None

    def type(self, command: str) -> tuple[int, str]:
        """Run one line of shell, and return the exit code and what the terminal shows."""
        if command.startswith(NEEDS_TORCH):
            return self._fork(command)
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout

    def _fork(self, command: str) -> tuple[int, str]:
        if self.forker is None:
            program, pipe = ["python", "-c", FORKER], subprocess.PIPE
            self.forker = subprocess.Popen(program, cwd=self.folder, env=self.env, stdin=pipe, stdout=pipe, text=True)
        assert self.forker.stdin is not None
        assert self.forker.stdout is not None
        output = self.folder.parent / "output"
        self.forker.stdin.write(json.dumps([*command.split(), str(output)]) + "\n")
        self.forker.stdin.flush()
        return int(self.forker.stdout.readline()), output.read_text()

    @contextmanager
    def with_mistake(self, mistake: Block | None) -> Iterator[None]:
        """Make the change that a diff shows, if there is one, and undo it afterwards."""
        if mistake is None:
            yield
            return
        file = self.package / mistake.title
        right, lines = file.read_text(), mistake.text.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
        assert right.count(old) == 1, f"line {mistake.line}"
        file.write_text(right.replace(old, new))
        yield
        file.write_text(right)
        if mistake.title == "pyproject.toml":
            assert self.type("pip install -e robustkit-stripes")[0] == 0

    @property
    def package(self) -> Path:
        return self.folder / "robustkit-stripes"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A new environment from which that of this test is seen, but not the other way round."""
    pytest.importorskip("hatchling", reason="the package is built with what is here: no registry is asked")
    pytest.importorskip("editables", reason="hatchling needs it for 'pip install -e'")
    venv.create(tmp_path / "env", symlinks=True)
    commands, site = tmp_path / "env" / "bin", next(tmp_path.glob("env/lib/python*/site-packages"))
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "seen.pth").write_text("".join(f"import site; site.addsitedir({folder!r})\n" for folder in seen))
    for name, options in {"pip": "--no-deps --no-build-isolation", "robustkit": "", "pytest": ""}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec "{commands / "python"}" -m {name} "$@" {options}\n')
        (commands / name).chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    env |= {"PATH": f"{commands}{os.pathsep}{env['PATH']}", "NO_COLOR": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # The page shows tables as wide as they are where no terminal says how wide it is.
    env.pop("COLUMNS", None)
    # A file that changes twice in a second would be taken for its first version.
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    work = tmp_path / "work"
    work.mkdir()
    found = Reader(work, {**env, "ROBUSTKIT_DEVICE": "cpu"})
    yield found
    if found.forker is not None:
        found.forker.communicate(timeout=60)


def assert_shows(output: str, expected: str, where: str) -> None:
    """Assert that the lines are there in this order; a last `…` leaves out the rest, and machines round differently."""
    lines = iter(output.splitlines())
    for wanted in expected.splitlines():
        numbers = [float(number) for number in re.findall(r"\d\.\d{3,}", wanted)]
        pattern = re.sub(r"\d\\\.\d{3,}", r"(\\d\\.\\d+)", re.escape(wanted.removesuffix("…")))
        # How wide a column is depends on what else is listed.
        pattern = re.sub(r"(\\ ){2,}", r"\\s{2,}", pattern)
        found = next((match for line in lines if (match := re.search(pattern, line))), None)
        assert found, f"{where}: expected the line\n{wanted}\nin\n{output}"
        assert [float(number) for number in found.groups()] == pytest.approx(numbers, abs=0.02), f"{where}: {wanted}"


def try_console(reader: Reader, block: Block, where: str) -> None:
    """Run the commands after `$`, each of which shows the lines below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        assert_shows(reader.type(command)[1], expected, where)


def do(reader: Reader, block: Block, where: str) -> str:
    """Write the file, or run the commands or the example, and return what the terminal shows last."""
    if block.title:
        (reader.package / block.title).write_text(block.text)
        return ""
    commands = block.text.splitlines()
    if block.language == "python":
        (reader.folder / "example.py").write_text(block.text)
        commands = ["python example.py"]
    for command in commands:
        code, output = reader.type(command)
        assert code == 0, f"{where}: {output}"
    return output


def test_the_page_works_as_written(reader: Reader) -> None:
    output, mistake = "", None
    for block in blocks():
        where = f"{PAGE.name}, line {block.line}"
        match block.language:
            case "diff":
                mistake = block
            case "console":
                with reader.with_mistake(mistake):
                    try_console(reader, block, where)
                mistake = None
            case "text":
                assert_shows(output, block.text, where)
            case _:
                output = do(reader, block, where)
    assert_same_picture(reader.folder / "stripes.png", PAGE.with_name("stripes.png"))
    assert not list(Path(sysconfig.get_path("purelib")).glob("robustkit_stripes*")), "it was installed outside"


def assert_same_picture(made: Path, published: Path) -> None:
    import numpy as np
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(made)), np.asarray(Image.open(published)))


def test_the_example_is_what_the_page_says() -> None:
    shown = files()
    kept = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file()}
    hidden = {name for name in kept if re.search(r"(^|/)[._]", name) and not name.endswith("__init__.py")}
    assert kept - hidden - NOT_ON_THE_PAGE == set(shown)
    for name, text in shown.items():
        assert (EXAMPLE / name).read_bytes() == text.encode(), name


def test_every_mistake_is_one_of_the_files_on_the_page() -> None:
    mistakes = [block for block in blocks() if block.language == "diff"]
    assert len(mistakes) >= 10
    assert {block.title for block in mistakes} <= set(files())
