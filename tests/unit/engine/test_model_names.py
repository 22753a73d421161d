"""What tables call the models of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robustkit.config import ModelConfig
from robustkit.engine.model_names import model_names
from robustkit.errors import ConfigError


def models(*given: Any) -> list[ModelConfig]:
    return [
        ModelConfig(checkpoint=each) if isinstance(each, str) else ModelConfig(checkpoint=each[0], name=each[1])
        for each in given
    ]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a/base.pt", "b/other.pt"], ["base", "other"]),
        (["fcl/model.safetensors", "at/best.pt"], ["fcl", "at"]),
        (["x/base.pt", "y/base.pt"], ["x/base", "y/base"]),
        (["x/base.pt", ("y/base.pt", "mine")], ["base", "mine"]),
    ],
)
def test_a_model_is_called_after_its_file_or_what_tells_it_apart(given: Any, names: list[str]) -> None:
    assert model_names(models(*given)) == names


def test_two_of_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 models are called 'mine'"):
        model_names(models(("a.pt", "mine"), ("b.pt", "mine")))
