"""A small laboratory: data, a network with dropout and batch normalisation, and trainers that do one thing each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LAB = '''
from typing import Annotated

import robustkit
import torch
from annotated_types import Ge
from torch import nn
from torch.nn import functional


@robustkit.params
class NetParams:
    num_classes: Annotated[int, Ge(1)] = 7
    """Number of logits."""
    in_channels: Annotated[int, Ge(1)] = 5
    """Channels of the input."""
    width: Annotated[int, Ge(1)] = 8
    """Channels inside."""


def net(params):
    return nn.Sequential(
        nn.Conv2d(params.in_channels, params.width, 3, padding=1), nn.BatchNorm2d(params.width), nn.ReLU(),
        nn.Dropout(0.3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * params.width, params.num_classes),
    )


@robustkit.params
class PlainParams:
    noise: Annotated[float, Ge(0)] = 0.1
    """Of the inputs."""


class Plain(nn.Module):
    """Cross-entropy of noisy inputs."""

    def __init__(self, params, model):
        super().__init__()
        self.params, self.model = params, model

    def forward(self, batch):
        noise = batch.keys.normal(*batch.inputs.shape[1:]).to(batch.inputs)
        logits = self.model(batch.inputs + self.params.noise * noise)
        return {"loss": functional.cross_entropy(logits, batch.labels), "largest": logits.abs().max()}


class Counted(Plain):
    """Of each epoch as many validation samples are right as it says here."""

    def correct(self, batch):
        wanted = (1, 3, 3, 2)[batch.epoch]
        return batch.keys.ids >= 0 if wanted >= len(batch.labels) else torch.arange(len(batch.labels)) < wanted


class Diverging(Plain):
    """Its loss is infinite in the third step of the second epoch."""

    def __init__(self, params, model):
        super().__init__(params, model)
        self.steps = 0

    def forward(self, batch):
        losses = super().forward(batch)
        self.steps += batch.epoch
        return {**losses, "loss": losses["loss"] / (0.0 if self.steps == 3 else 1.0)}


class Exploding(Plain):
    """Its gradient is infinite in the last step of the second epoch, its loss is not."""

    def __init__(self, params, model):
        super().__init__(params, model)
        self.steps = 0

    def forward(self, batch):
        losses = super().forward(batch)
        self.steps += batch.epoch
        if self.steps == 4:
            bias = self.model.net[6].bias
            losses = {**losses, "loss": losses["loss"] + (bias - bias).abs().sqrt().sum()}
        return losses


class NoLoss(Plain):
    def forward(self, batch):
        return {"cost": super().forward(batch)["loss"]}


class Numbered(Plain):
    def forward(self, batch):
        return {**super().forward(batch), 7: torch.zeros(())}


class WrongName(Plain):
    def forward(self, batch):
        return {**super().forward(batch), "epoch": torch.zeros(())}


class Raises(Plain):
    def forward(self, batch):
        raise ValueError("out of luck")


class WrongCorrect(Plain):
    def correct(self, batch):
        return batch.labels


class Picky(Plain):
    def check_inputs(self, shape):
        if shape != (3, 9, 9):
            raise robustkit.ConfigError("wants images of 9 pixels", "take others")


class Brittle(Plain):
    def check_inputs(self, shape):
        raise ValueError("out of luck")


class Forgetful(nn.Module):
    """Does not hold the model's parameters."""

    def __init__(self, params, model):
        super().__init__()
        self.models = [model]
        self.weight = nn.Parameter(torch.zeros(1))


CLASSES = (
    Plain, Counted, Diverging, Exploding, NoLoss, Numbered, WrongName, Raises, WrongCorrect, Picky, Brittle, Forgetful,
)


@robustkit.hookimpl
def robustkit_trainers():
    trainers = [
        robustkit.Trainer(name=each.__name__.lower(), summary="a test", target=each, params=PlainParams)
        for each in CLASSES
    ]
    return [
        *trainers,
        robustkit.Trainer(name="function", summary="no module", target=lambda params, model: print),
        robustkit.Trainer(
            name="careful", summary="a test", target=Plain, params=PlainParams, caveat="after Nobody et al.",
            citation="Nobody et al.",
        ),
        robustkit.Trainer(name="texts", summary="for texts", target=Plain, params=PlainParams, modality="text"),
    ]


@robustkit.hookimpl
def robustkit_models():
    return [robustkit.Model(name="net", summary="a test", target=net, params=NetParams)]
'''


@dataclass
class Lab:
    """Where the files are."""

    folder: Path

    def config(self, **changes: Any) -> dict[str, Any]:
        """Return a configuration of 2 epochs of 4 steps of 12 images, 6 more to validate on."""
        return {
            "trainer": "lab/plain",
            "model": "lab/net",
            "data": str(self.folder / "data.npz"),
            "epochs": 2,
            "batch_size": 12,
            "device": "cpu",
            "include": [str(self.folder / "lab.py")],
            **changes,
        }


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """60 colour images of 3 classes that their brightness gives away, and `lab.py` with trainers and a model."""
    folder = tmp_path_factory.mktemp("lab")
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.integers(0, 100, (60, 3, 8, 8)) + 70 * labels[:, None, None, None]
    np.savez(folder / "data.npz", images=images.astype(np.uint8), labels=labels)
    (folder / "lab.py").write_text(LAB)
    return Lab(folder)
