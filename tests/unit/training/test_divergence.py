"""A training whose last step ruins the model fails; no file of the ruined model appears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import robustkit
from robustkit.errors import RunError

NETS = """
import torch
from torch import nn


class Squaring(nn.Module):
    def forward(self, inputs):
        return inputs.square().square().square()


class Statistic(nn.Module):
    '''Its buffer overflows in the last forward pass of training, its output does not show it.'''

    def __init__(self):
        super().__init__()
        self.register_buffer("largest", torch.ones(()))
        self.register_buffer("mask", torch.full((3,), -torch.inf))

    def forward(self, inputs):
        if self.training:
            self.largest *= 1e20
        return inputs


def steep():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3), Squaring())


def statistic():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3), Statistic())
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    (tmp_path / "nets.py").write_text(NETS)
    return str(tmp_path / "nets.py")


def test_logits_that_overflow_after_the_last_step_fail_the_training(lab: Any, nets: str, tmp_path: Path) -> None:
    """One step with a huge rate: loss and weights are finite, what the model answers then is not."""
    change = {"epochs": 1, "batch_size": 54, "optimizer": "sgd", "lr": 1e9, "schedule": "constant"}
    with pytest.raises(RunError, match="epoch 1, step 1 of 1: logits of validation samples are no longer") as caught:
        robustkit.train(lab.config(model=f"{nets}:steep", **change), out=tmp_path / "run")
    assert "lower --lr than 1e+09" in caught.value.hint
    assert not list((tmp_path / "run").glob("*.safetensors"))
    assert not (tmp_path / "run" / "state").exists()
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(("epochs", "kept"), [(1, False), (2, True)])
def test_buffers_that_overflow_fail_the_training(lab: Any, nets: str, tmp_path: Path, epochs: int, kept: bool) -> None:
    """After two steps the buffer is infinite: in the second epoch of one step each, or in the first of two."""
    change = {"epochs": epochs, "batch_size": 54 if kept else 27}
    with pytest.raises(RunError, match=r"step \d of \d: buffer 'model.net.2.largest' is no longer a number"):
        robustkit.train(lab.config(model=f"{nets}:statistic", **change), out=tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").exists() == kept


def test_what_was_infinite_from_the_beginning_is_meant(lab: Any, nets: str, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(model=f"{nets}:statistic", epochs=1, batch_size=54), out=tmp_path / "run")
    assert done.selected_epoch == 1
