"""Start-up stays light, and help tells the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from robustkit.cli.main import COMMANDS, SECTIONS

HEAVY = ["torch", "numpy", "pandas", "pydantic", "matplotlib", "lightning_fabric", "jinja2"]


def imported_by(*arguments: str) -> set[str]:
    """Return the heavy modules that are loaded when the command is done."""
    program = f"""
import json, sys
sys.argv = ["robustkit", *{list(arguments)!r}]
from robustkit.cli.main import run
try:
    run()
except SystemExit as stop:
    code = stop.code
print("\\n" + json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    code, found = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return set(found)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "--json"],
        ["plugins"],
        ["eval", "--help"],
        ["train", "--help"],
        ["report", "--help"],
        ["compare", "--help"],
        ["show", "--help"],
        ["new-plugin", "--help"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments) == set()


def test_the_check_can_fail() -> None:
    assert "pydantic" in imported_by("describe", "gaussian-noise")


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import sys, robustkit; robustkit.Perturbation; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command_and_exit_code(robustkit: Any) -> None:
    text = robustkit("--help").out
    for word in (*COMMANDS, "130"):
        assert word in text


def test_every_command_is_in_one_section() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(robustkit: Any, name: str) -> None:
    result = robustkit(name, "--help")
    assert result.code == 0
    assert f"robustkit {name}" in result.out


def test_a_mistyped_command_asks_what_was_meant(robustkit: Any) -> None:
    robustkit("evall").assert_error(2, "did you mean 'eval'")
