from __future__ import annotations

import pytest
import torch

from robustkit import Keys


@pytest.fixture(scope="session")
def make_keys():
    def make(n, start=0):
        return Keys(seed=3, stream="tests/contextual", version=1, ids=torch.arange(start, start + n))

    return make


class Linear:
    """Case T1 of the closed-form cases: a linear representation with a quadratic loss, worked out by hand."""

    weight = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]], dtype=torch.float64)
    bias = torch.tensor([0.5, -0.5], dtype=torch.float64)
    inputs = torch.tensor([[1.0, -1.0, 2.0]], dtype=torch.float64)
    target = torch.tensor([0.0, 1.0], dtype=torch.float64)

    def represent(self, inputs):
        return inputs @ self.weight.T + self.bias

    def loss(self, inputs):
        return (self.represent(inputs) - self.target).square().sum(dim=1) / 2

    def losses(self, points, rows):
        return self.loss(points)

    def respond(self, points, rows):
        return self.loss(points), self.represent(points)


@pytest.fixture(scope="session")
def linear_case():
    return Linear


@pytest.fixture
def linear(linear_case):
    return linear_case()


@pytest.fixture
def net():
    """A small convolutional network with batch normalisation in evaluation mode, in float64."""
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.Tanh(),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 3 * 4, 5),
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2)
    return model.eval().requires_grad_(False)


@pytest.fixture
def images():
    return torch.rand(5, 3, 6, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
