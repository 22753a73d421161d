import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import nn

import robustkit


@pytest.fixture
def make_keys():
    def make(n, seed=0):
        return robustkit.Keys(seed=seed, stream="attacks/test", version=1, ids=torch.arange(n))

    return make


@pytest.fixture
def linf():
    """Return a function that makes an Linf threat model in [0, 1]."""
    return lambda eps: robustkit.ThreatModel(norm="linf", eps=eps)


class TwoClasses(nn.Module):
    """Logits (0, w x + b): its loss at a vertex of the ball is known in closed form."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, inputs):
        score = inputs.flatten(1) @ self.weight + self.bias
        return torch.stack([torch.zeros_like(score), score], dim=1)


@pytest.fixture
def two_classes():
    return TwoClasses


class Linear(nn.Module):
    """Logits w x + b."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, inputs):
        return inputs.flatten(1) @ self.weight + self.bias


@pytest.fixture
def linear():
    return Linear


def _linear_problem(classes, size=12, spread=0.1):
    """Return a linear model, inputs around the middle of the bounds, and labels."""
    generator = torch.Generator().manual_seed(classes)
    inputs = 0.5 + spread * (2 * torch.rand(20, size, generator=generator) - 1)
    weight = torch.randn(size, classes, generator=generator)
    model = Linear(weight, -(0.5 * weight.sum(0)))
    return model, inputs, model(inputs).argmax(1)


@pytest.fixture
def linear_problem():
    """Return a function that makes a linear model of so many classes: see `_linear_problem`."""
    return _linear_problem


@pytest.fixture(scope="session")
def trained_net():
    """Return (network, inputs, labels): 3 classes with curved boundaries, 8 values an input, all correct."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs = torch.rand(300, 8)
        waves = torch.sin(3 * torch.pi * inputs).sum(1)
        labels = (waves > waves.quantile(1 / 3)).long() + (waves > waves.quantile(2 / 3)).long()
        net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3))
        net[0].weight.data.mul_(6)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), labels).backward()
            optimizer.step()
    net.eval().requires_grad_(False)
    right = (net(inputs).argmax(1) == labels).nonzero().flatten()[:200]
    assert len(right) == 200
    return net, inputs[right], labels[right]


def _least_norm(point, normal, rise, threat_model):
    """Return the norm of the shortest change within the bounds that makes the product with a normal rise; or inf.

    Found by SciPy's solvers, which know nothing of multipliers.
    """
    ways = list(zip(threat_model.low - point, threat_model.high - point, strict=True))
    reachable = np.sum([max(weight * low, weight * high) for weight, (low, high) in zip(normal, ways, strict=True)])
    lowest = np.sum([min(weight * low, weight * high) for weight, (low, high) in zip(normal, ways, strict=True)])
    if not lowest <= rise <= reachable:
        return np.inf
    size = len(point)
    if threat_model.norm == "linf":
        both = np.concatenate([np.eye(size), -np.eye(size)])
        found = linprog(
            c=[0] * size + [1],
            A_ub=np.hstack([both, -np.ones((2 * size, 1))]),
            b_ub=np.zeros(2 * size),
            A_eq=[[*normal, 0]],
            b_eq=[rise],
            bounds=[*ways, (0, None)],
        )
        return found.fun
    found = minimize(
        lambda change: change @ change,
        np.zeros(size),
        jac=lambda change: 2 * change,
        bounds=ways,
        constraints={"type": "eq", "fun": lambda change: change @ normal - rise, "jac": lambda _: normal},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return np.sqrt(found.fun)


@pytest.fixture(scope="session")
def least_norm():
    """Return a function of a point, a normal, a rise and a threat model: see `_least_norm`."""
    return _least_norm
