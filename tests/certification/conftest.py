"""The scripts that certify, as modules, and small networks to try them on."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "certification"


@pytest.fixture(scope="session")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Import a script by its name, as they import one another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module


@pytest.fixture(scope="session")
def affine(script):
    return script("affine")


@pytest.fixture(scope="session")
def linear_bounds(script):
    return script("linear_bounds")


@pytest.fixture(scope="session")
def rounding(script):
    return script("rounding")


@pytest.fixture(scope="session")
def certify(script):
    return script("certify")


def _dense():
    return nn.Sequential(*(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU()), nn.Linear(10, 4)), (6,)


def _deep():
    layers = [layer for _ in range(4) for layer in (nn.Linear(8, 8), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Dropout(), nn.Linear(8, 3)), (2, 2, 2)


def _convolutional():
    first = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(4, 4, 2, groups=2, dilation=2), nn.ReLU())
    return nn.Sequential(first, second, nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 5)), (2, 7, 8)


@pytest.fixture(params=[_dense, _deep, _convolutional], ids=lambda build: build.__name__[1:])
def network(request):
    """Return (network, shape of an input): float64, random, with weights large enough for loose relaxations."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        net, shape = request.param()
    for parameter in net.parameters():
        # What float32 holds exactly, in float64.
        parameter.data = 2 * parameter.data
    return net.double().eval().requires_grad_(False), shape


@pytest.fixture
def bent():
    """Return (network, shape of an input): on [0, 1]^2 each ReLU is relaxed on its own, and every error shows.

    The hidden units are x - 0.4, y - 0.6 and, always on, x + 1 and y + 1, so that outputs can be ReLUs less or plus
    something linear.
    """
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 10)).double().requires_grad_(False)
    net[0].weight.copy_(torch.eye(2).repeat(2, 1))
    net[0].bias.copy_(torch.tensor([-0.4, -0.6, 1, 1]))
    slopes = torch.tensor([[1, 0], [-1, 0], [1, -1.5], [1, -0.5], [-1, 0.5]])
    net[2].weight.copy_(torch.cat([slopes.kron(torch.eye(2)[:1]), slopes.kron(torch.eye(2)[1:])]))
    net[2].bias.zero_()
    return net, (2,)


@pytest.fixture
def make_box():
    """Return a function that makes (seed, shape, eps) into a flat box around a random point, within [0, 1]."""

    def make(seed, shape, eps):
        generator = torch.Generator().manual_seed(seed)
        centre = torch.rand(shape, generator=generator, dtype=torch.float64).flatten()
        return (centre - eps).clamp(0, 1), (centre + eps).clamp(0, 1)

    return make
