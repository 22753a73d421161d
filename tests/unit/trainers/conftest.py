from __future__ import annotations

import pytest
import torch

from robustkit import Keys, TrainingBatch


class Net(torch.nn.Module):
    """Small, with batch normalisation and dropout: every way in which modes can matter."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(4)
        self.drop = torch.nn.Dropout(0.2)
        self.head = torch.nn.Linear(4 * 8 * 8, 3)

    def forward(self, images):
        return self.head(self.drop(self.norm(self.conv(images)).tanh()).flatten(1))


def fill(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    return model


@pytest.fixture
def net():
    return fill(Net())


@pytest.fixture
def plain():
    """The same in every mode."""
    layers = [torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(4 * 8 * 8, 3)]
    return fill(torch.nn.Sequential(*layers))


@pytest.fixture
def make_batch():
    def make(n=6, epoch=9, epochs=10, start=0, inputs=None):
        everything = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(1))
        return TrainingBatch(
            inputs=everything[start : start + n] if inputs is None else inputs,
            labels=torch.arange(start, start + n) % 3,
            keys=Keys(seed=0, stream="tests/trainers", version=1, ids=torch.arange(start, start + n)),
            epoch=epoch,
            epochs=epochs,
        )

    return make
