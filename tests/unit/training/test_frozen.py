"""What a network declares frozen is not trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import robustkit
from robustkit.errors import ConfigError, PluginError

NETS = """
import torch
from torch import nn


class Net(nn.Sequential):
    def __init__(self, *freeze):
        super().__init__(nn.Flatten(), nn.Linear(192, 4), nn.ReLU(), nn.Linear(4, 3))
        self.table = nn.Parameter(torch.arange(3), requires_grad=False)
        for index in freeze:
            self[index].requires_grad_(False)

    def forward(self, inputs):
        return super().forward(inputs) + 0 * self.table


def backbone():
    return Net(1)


def statue():
    return Net(1, 3)
"""

FREEZES = """
import robustkit
from torch import nn


class Freezes(nn.Module):
    def __init__(self, params, model):
        super().__init__()
        self.model = model.requires_grad_(False)


@robustkit.hookimpl
def robustkit_trainers():
    return [robustkit.Trainer(name="freezes", summary="a test", target=Freezes)]
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    (tmp_path / "nets.py").write_text(NETS)
    return str(tmp_path / "nets.py")


def weights(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_frozen_parameters_stay_as_they_were_and_the_others_are_trained(
    lab: Any, nets: str, tmp_path: Path, optimizer: str
) -> None:
    change = {"optimizer": optimizer, "weight_decay": 0.1, "schedule": "constant"}
    short, long = (
        robustkit.train(lab.config(model=f"{nets}:backbone", epochs=epochs, **change), out=tmp_path / str(epochs))
        for epochs in (1, 2)
    )
    before, after = weights(short.last), weights(long.last)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"3.weight", "3.bias"}
    facts = json.loads((tmp_path / "2" / "manifest.json").read_text())["model"]
    assert (facts["parameters"], facts["trained"]) == (192 * 4 + 4 + 15 + 3, 15)


def test_a_network_that_is_frozen_throughout_is_refused(lab: Any, nets: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"every parameter of model '.*nets\.py:statue' is frozen") as caught:
        robustkit.train(lab.config(model=f"{nets}:statue"), out=tmp_path / "run")
    assert "requires_grad" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_a_trainer_that_freezes_the_whole_network_is_named(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "freezes.py").write_text(FREEZES)
    include = [str(lab.folder / "lab.py"), str(tmp_path / "freezes.py")]
    with pytest.raises(PluginError, match="trainer 'freezes/freezes' freezes every parameter of the model"):
        robustkit.train(lab.config(trainer="freezes", include=include), out=tmp_path / "run")
