"""Unpackaged plugins: `--include FILE.py`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from robustkit.errors import ConfigError, PluginError
from robustkit.host import load_host

PLUGIN = """
import robustkit

@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="dim", summary="half the light", target=lambda params: None)]
"""


def test_a_file_is_a_plugin_named_after_it_and_recorded_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "my_lab.py"
    path.write_text(PLUGIN)
    host = load_host(include=[path])
    record = host.records[-1]
    assert record.components == ("my-lab/dim",)
    assert record.source.version == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_fails_is_an_error_because_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        load_host(include=[path])


def test_a_file_that_takes_the_name_of_an_installed_plugin_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zoo.py"
    path.write_text(PLUGIN)
    with pytest.raises(PluginError, match="already taken"):
        load_host(include=[path])


def test_a_missing_file_asks_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "noise.py").write_text(PLUGIN)
    with pytest.raises(ConfigError) as caught:
        load_host(include=[tmp_path / "nose.py"])
    assert "noise.py" in caught.value.hint
