"""From files, settings and shorthand to one validated configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robustkit.config import apply_setting, parse_config, parse_shorthand, read_toml, write_toml
from robustkit.config.schema import as_dict
from robustkit.config.toml import line_of
from robustkit.errors import ConfigError

LEAST: dict[str, Any] = {"model": [{"checkpoint": "a.pt"}], "data": "d.npz"}


def test_defaults_are_complete() -> None:
    config = parse_config(LEAST)
    assert (config.seed, config.precision, config.device, config.limit) == ((0,), "fp32", "auto", None)


def test_an_unknown_key_names_the_file_the_line_and_what_was_meant() -> None:
    text = 'data = "d.npz"\nbatchsize = 3\n'
    with pytest.raises(ConfigError, match=r"r\.toml, line 2: unknown key 'batchsize'") as caught:
        parse_config({**LEAST, "batchsize": 3}, source="r.toml", text=text)
    assert caught.value.hint == "did you mean 'batch_size'?"


def test_an_unknown_key_of_a_model_is_found_too() -> None:
    with pytest.raises(ConfigError, match=r"model\.0\.normalise"):
        parse_config({**LEAST, "model": [{"checkpoint": "a.pt", "normalise": "imagenet"}]})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"data": "d"}, "no checkpoint"),
        ({"model": [{"checkpoint": "a"}]}, "no data"),
        ({**LEAST, "limit": 0}, "limit"),
        ({**LEAST, "precision": "fp8"}, "precision"),
        ({**LEAST, "seed": []}, "seed"),
        ({**LEAST, "perturbation": [{"severity": 3}]}, "needs a name"),
    ],
)
def test_what_is_missing_or_wrong_is_named(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse_config(values)


def test_shorthand_and_tables_mean_the_same() -> None:
    short = parse_config({**LEAST, "attack": ["pgd:eps=8/255,steps=20"]})
    table = parse_config({**LEAST, "attack": [{"name": "pgd", "eps": "8/255", "steps": 20}]})
    assert short == table
    assert short.attack[0]["eps"] == [8 / 255]


def test_a_resolved_configuration_survives_toml(tmp_path: Path) -> None:
    config = parse_config(
        {**LEAST, "limit": 7, "perturbation": ["fog:severity=1..3"], "attack": ["pgd:eps=[1/255,0.5]"]}
    )
    path = tmp_path / "c.toml"
    path.write_text(write_toml(as_dict(config)))
    assert parse_config(read_toml(path)) == config


@pytest.mark.parametrize("text", ["", ":severity=1", "fog:severity", "fog:a=1,a=2", "fog:severity=5..1", "fog:=3"])
def test_bad_shorthand_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_shorthand(text)


def test_settings_reach_into_tables_and_lists() -> None:
    values: dict[str, Any] = {"model": [{"checkpoint": "a"}]}
    apply_setting(values, "model.0.normalize=cifar10")
    apply_setting(values, "batch-size=64")
    apply_setting(values, "seed=[1, 2]")
    assert values == {"model": [{"checkpoint": "a", "normalize": "cifar10"}], "batch_size": 64, "seed": [1, 2]}


@pytest.mark.parametrize("setting", ["batch_size", "=3", "model.7.name=x", "data.deep.er=1"])
def test_bad_settings_are_refused(setting: str) -> None:
    with pytest.raises(ConfigError):
        apply_setting({"model": [{}], "data": "d"}, setting)


def test_toml_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("data = path/without/quotes\n")
    with pytest.raises(ConfigError, match="line 1"):
        read_toml(path)


def test_the_line_of_a_key_is_found_in_tables() -> None:
    assert line_of("a = 1\n[[model]]\nx = 2", "model") == 2
    assert line_of("a = 1", "b") is None
