"""The bounds hold whatever is tried, are exact where that is known, and wrong ones are noticed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustkit import DataError

EPS = [0.02, 0.1, 0.3]


def inputs_in(box, outputs, steps=40):
    """Return (N, inputs) of a box: random points and corners, and what signed steps up and down each output reach.

    `outputs` maps (N, inputs) to (N, outputs).
    """
    low, high = box
    generator = torch.Generator().manual_seed(1)
    places = torch.rand(400, len(low), generator=generator, dtype=torch.float64)
    places[200:] = places[200:].round()
    tried = [low + places * (high - low)]
    count = outputs(tried[0][:1]).shape[1]
    signs = torch.cat([torch.eye(count, dtype=torch.float64), -torch.eye(count, dtype=torch.float64)])
    points = tried[0][: 4 * len(signs)].repeat(2 * len(signs), 1)[: 4 * len(signs)]
    signs = signs.repeat_interleave(4, dim=0)
    for step in range(steps):
        points = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad((outputs(points) * signs).sum(), points)
        length = (high - low) * 0.5 * (1 - step / steps)
        points = torch.clamp(points + length * gradient.sign(), low, high).detach()
        tried.append(points)
    return torch.cat(tried)


def excess(values, bounds):
    """Return by how much (N, outputs) values leave their bounds; not above 0 if none does."""
    return float(torch.maximum(bounds[0] - values, values - bounds[1]).max())


def identity(parts):
    return torch.eye(len(parts[-1].at_zero), dtype=torch.float64)


def outputs_leave(linear_bounds, affine, network, box):
    """Return by how much what is found leaves the bounds of the outputs, or those of a hidden layer."""
    net, shape = network
    parts = affine.affine_parts(net, shape)
    hidden = linear_bounds.hidden_bounds(parts, box)
    every = [*hidden, linear_bounds.bound(parts, hidden, box, identity(parts))]
    worst = []
    for end, bounds in enumerate(every, start=1):

        def values(points, end=end):
            for part in parts[: end - 1]:
                points = torch.relu(apply(part, points))
            return apply(parts[end - 1], points)

        worst.append(excess(values(inputs_in(box, values)), bounds))
    return max(worst)


def apply(part, points):
    points = points.reshape(len(points), *part.shape)
    for layer in part.layers:
        points = layer(points)
    return points.flatten(1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("eps", EPS)
def test_no_input_in_the_box_leaves_the_bounds(network, eps, seed, make_box, affine, linear_bounds):
    assert outputs_leave(linear_bounds, affine, network, make_box(seed, network[1], eps)) <= 0


def _upper_as_lower(linear_bounds):
    right = linear_bounds.minimum
    return "minimum", lambda parts, hidden, box, rows, slopes: -right(parts, hidden, box, -rows, slopes)


def _signs_mixed_up(linear_bounds):
    right = linear_bounds.relu_lines

    def wrong(low, high, slopes):
        below, above, height = right(low, high, slopes)
        return above, below, height

    return "relu_lines", wrong


def _line_above_lowered(linear_bounds):
    right = linear_bounds.relu_lines
    return "relu_lines", lambda low, high, slopes: (*right(low, high, slopes)[:2], torch.zeros_like(low))


def _line_below_too_steep(linear_bounds):
    return "SLOPES", (lambda low, high: torch.full_like(low, 2.0),)


def _hidden_bounds_too_tight(linear_bounds):
    right = linear_bounds.interval

    def wrong(part, box):
        low, high = right(part, box)
        return low / 2, high / 2

    return "interval", wrong


WRONG = [_upper_as_lower, _signs_mixed_up, _line_above_lowered, _line_below_too_steep, _hidden_bounds_too_tight]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__[1:])
def test_a_bound_that_is_too_tight_is_noticed(wrong, bent, make_box, affine, linear_bounds, monkeypatch):
    box = make_box(0, (2,), 1.0)
    assert outputs_leave(linear_bounds, affine, bent, box) <= 0
    monkeypatch.setattr(linear_bounds, *wrong(linear_bounds))
    assert outputs_leave(linear_bounds, affine, bent, box) > 0.01


def test_without_room_the_bounds_are_the_network(network, make_box, affine, linear_bounds):
    net, shape = network
    parts, box = affine.affine_parts(net, shape), make_box(0, shape, 0.0)
    low, high = linear_bounds.bound(parts, linear_bounds.hidden_bounds(parts, box), box, identity(parts))
    exact = net(box[0].reshape(1, *shape))[0]
    assert float((high - low).max()) < 1e-6
    assert excess(exact[None], (low, high)) <= 0


@pytest.mark.parametrize("shift", [None, 100.0, -100.0], ids=["no ReLU", "all on", "all off"])
def test_of_a_network_that_is_linear_on_the_box_the_bounds_are_exact(shift, make_box, affine, linear_bounds):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        first, last = nn.Linear(5, 7).double(), nn.Linear(7, 2).double()
    if shift is not None:
        first.bias.data += shift
    net = nn.Sequential(first, *([] if shift is None else [nn.ReLU()]), last).requires_grad_(False)
    matrix = last.weight @ first.weight * (shift != -100.0)
    box = make_box(2, (5,), 0.4)
    centre, radius = (box[0] + box[1]) / 2, (box[1] - box[0]) / 2
    middle, width = net(centre[None])[0], matrix.abs() @ radius
    parts = affine.affine_parts(net, (5,))
    low, high = linear_bounds.bound(parts, linear_bounds.hidden_bounds(parts, box), box, identity(parts))
    torch.testing.assert_close(low, middle - width, rtol=0, atol=1e-8)
    torch.testing.assert_close(high, middle + width, rtol=0, atol=1e-8)


def test_the_absolute_value_by_hand(affine, linear_bounds):
    # |x| = relu(x) + relu(-x) on [-1, 1]: the lower lines x/2 and -x/2 add up to 0, the upper ones, each 1/2 higher,
    # to 1. Interval arithmetic says [0, 2].
    first, last = nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)
    first.weight.data, last.weight.data = torch.tensor([[1.0], [-1.0]]), torch.ones(1, 2)
    net = nn.Sequential(first, nn.ReLU(), last).double().requires_grad_(False)
    parts, box = affine.affine_parts(net, (1,)), (torch.full((1,), -1.0).double(), torch.ones(1).double())
    low, high = linear_bounds.bound(parts, linear_bounds.hidden_bounds(parts, box), box, identity(parts))
    assert (float(low), float(high)) == pytest.approx((0, 1), abs=1e-8)


def test_the_transposed_map_is_that_of_the_matrix(network, affine):
    net, shape = network
    for part in affine.affine_parts(net, shape):
        matrix = torch.func.jacrev(part)(torch.rand(part.shape, dtype=torch.float64).flatten())
        rows = torch.rand(3, len(matrix), dtype=torch.float64)
        torch.testing.assert_close(part.transposed(rows), rows @ matrix)
        sizes = torch.rand(matrix.shape[1], dtype=torch.float64)
        assert bool((part.absolute(sizes) >= matrix.abs() @ sizes - 1e-12).all())


@pytest.mark.parametrize("layer", [nn.Sigmoid(), nn.BatchNorm1d(3), nn.MaxPool1d(1)], ids=str)
def test_a_layer_whose_bound_is_not_known_is_an_error(layer, affine):
    with pytest.raises(DataError, match=f"got {type(layer).__name__}"):
        affine.affine_parts(nn.Sequential(nn.Linear(3, 3), layer, nn.Linear(3, 2)), (3,))
