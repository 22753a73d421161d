"""What float32 does to a network stays within what is allowed for it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn


@pytest.fixture
def wide():
    """Return (network in float64, shape of an input): sums of thousands of products that nearly cancel."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        layers = [nn.Conv2d(3, 32, 5), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 64, 300), nn.ReLU(), nn.Linear(300, 5)]
    net = nn.Sequential(*layers).requires_grad_(False)
    net[3].weight.mul_(300)
    return net.double(), (3, 12, 12)


def measured(net, shape, box):
    """Return (outputs,) the largest differences of float32 and float64 on float32 inputs in a box."""
    generator = torch.Generator().manual_seed(0)
    places = torch.rand(200, len(box[0]), generator=generator, dtype=torch.float64)
    inputs = (box[0] + places * (box[1] - box[0])).float().reshape(-1, *shape)
    return (copy.deepcopy(net).float()(inputs).double() - net(inputs.double())).abs().amax(dim=0)


def allowed(net, shape, box, affine, linear_bounds, rounding):
    parts = affine.affine_parts(net, shape)
    return rounding.float32_error(parts, linear_bounds.hidden_bounds(parts, box), box)


@pytest.mark.parametrize("seed", range(3))
def test_float32_stays_within_its_bound(network, seed, make_box, affine, linear_bounds, rounding):
    net, shape = network
    box = make_box(seed, shape, 0.1)
    bound = allowed(net, shape, box, affine, linear_bounds, rounding)
    assert bool((measured(net, shape, box) <= bound).all())
    assert float(bound.max()) < 1e-3


def test_sums_of_thousands_stay_within_their_bound(wide, make_box, affine, linear_bounds, rounding):
    box = make_box(0, wide[1], 0.05)
    assert bool((measured(*wide, box) <= allowed(*wide, box, affine, linear_bounds, rounding)).all())


@pytest.fixture
def product():
    """Return (network, shape of an input): 3 x + 1, whose rounding comes near the worst case."""
    net = nn.Sequential(nn.Linear(1, 1)).double().requires_grad_(False)
    net[0].weight.fill_(3)
    net[0].bias.fill_(1)
    return net, (1,)


def test_one_product_by_hand(product, affine, linear_bounds, rounding):
    # For x up to 0.5: two operations on terms of size 2.5.
    box = torch.zeros(1).double(), torch.full((1,), 0.5).double()
    bound = float(allowed(*product, box, affine, linear_bounds, rounding))
    assert bound == pytest.approx(2.5 * 2 * 2**-24, rel=1e-6)


def test_a_bound_that_is_too_tight_is_noticed(product, affine, linear_bounds, rounding, monkeypatch):
    box = torch.full((1,), 0.3).double(), torch.full((1,), 0.5).double()
    assert bool((measured(*product, box) <= allowed(*product, box, affine, linear_bounds, rounding)).all())
    monkeypatch.setattr(rounding, "UNIT", 2.0**-27)
    assert bool((measured(*product, box) > allowed(*product, box, affine, linear_bounds, rounding)).all())
