"""The configuration of a training."""

from __future__ import annotations

import pytest

from robustkit.config import read_toml, write_toml
from robustkit.config.training import TrainConfig, as_dict, parse_training
from robustkit.errors import ConfigError

LEAST = {"trainer": "fcl:weight=1,std=0.3", "data": "x", "model": "y"}


def test_shorthand_and_table_are_the_same() -> None:
    table = {**LEAST, "trainer": {"name": "fcl", "weight": 1, "std": 0.3}}
    assert parse_training(LEAST) == parse_training(table)
    assert parse_training(LEAST).trainer == {"name": "fcl", "weight": 1, "std": 0.3}


def test_it_survives_toml(tmp_path: object) -> None:
    from pathlib import Path

    config = parse_training({**LEAST, "augment": ["flip"], "gradient_clip": 1})
    path = Path(str(tmp_path)) / "c.toml"
    path.write_text(write_toml(as_dict(config)))
    assert parse_training(read_toml(path)) == config


def test_every_entry_is_explained() -> None:
    from pydantic import TypeAdapter

    properties = TypeAdapter(TrainConfig).json_schema()["properties"]
    assert all(entry.get("description") for entry in properties.values())


@pytest.mark.parametrize("key", ["trainer", "data", "model"])
def test_what_is_missing_is_asked_for(key: str) -> None:
    with pytest.raises(ConfigError, match=f"no {key} was given"):
        parse_training({name: value for name, value in LEAST.items() if name != key})


def test_messages_name_the_line() -> None:
    text = 'data = "x"\nlr = "fast"\n'
    with pytest.raises(ConfigError, match=r"c\.toml, line 2: lr: .*got 'fast'"):
        parse_training({**LEAST, "lr": "fast"}, source="c.toml", text=text)
