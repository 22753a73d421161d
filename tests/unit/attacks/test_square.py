"""Square: what it asks, what it keeps, and what it returns."""

import math

import pytest
import torch
from torch import nn

from robustkit import Attack, ThreatModel
from robustkit.testing import check_attack
from robustkit_attacks.params import SquareParams
from robustkit_attacks.square import Square
from robustkit_attacks.square_moves import without
from robustkit_attacks.square_windows import (
    bump_sides,
    plane_of,
    share_at,
    square_sides,
)

NORMS = ["linf", "l2"]
DECLARATION = Attack(
    name="square", summary="a random search", target=Square, norms=("linf", "l2"), needs=frozenset(), batches=True
)


class Recorder(nn.Module):
    """Keeps what it is asked."""

    def __init__(self, net):
        super().__init__()
        self.net, self.asked = net, []

    def forward(self, inputs):
        self.asked.append(inputs.clone())
        return self.net(inputs)


def make_linear(*shape, classes=3, seed=0):
    """Return (network, inputs, labels): classes far apart, so that small changes do not fool it."""
    generator = torch.Generator().manual_seed(seed)
    size = math.prod(shape)
    net = nn.Sequential(nn.Flatten(), nn.Linear(size, classes)).requires_grad_(False)
    net[1].weight.copy_(torch.randn(classes, size, generator=generator))
    inputs = torch.rand(5, *shape, generator=generator)
    net[1].bias.zero_()
    labels = net(inputs).argmax(1)
    return net, inputs, labels


def only(net, inputs, label):
    """Return the network with a bias that keeps every one of the inputs at one label, whatever is done to them."""
    net[1].bias.zero_()
    net[1].bias[label] = 100.0
    return net, inputs, torch.full((len(inputs),), label)


def margins_of(net, points, labels):
    logits = net(points).double()
    own = logits.gather(1, labels[:, None]).squeeze(1)
    return logits.scatter(1, labels[:, None], -torch.inf).amax(1) - own


def run(params, net, inputs, labels, norm, eps, keys):
    return Square(params).run(net, inputs, labels, ThreatModel(norm=norm, eps=eps), keys)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 5, 9), (7,), (4, 6), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_it_keeps_the_contract(norm, shape):
    # The norm that is named first is the one that all clauses are checked with.
    declaration = Attack(**{**vars(DECLARATION), "norms": (norm, *(set(NORMS) - {norm}))})
    check_attack(lambda: Square(SquareParams(queries=60)), declaration, shape=shape)


@pytest.mark.parametrize("shape", [(1, 6, 6), (2, 4, 9), (40,)], ids=str)
def test_the_optimum_of_a_linear_model_is_reached_under_linf(shape, make_keys):
    """Two classes: the margin is highest where every value moves against its weight as far as it may."""
    net, inputs, _ = make_linear(*shape, classes=2)
    net, inputs, labels = only(net, inputs, 0)
    result = run(SquareParams(queries=2500), net, inputs, labels, "linf", 0.1, make_keys(5))
    towards = (net[1].weight[1] - net[1].weight[0]).view(shape)
    worst = (inputs + 0.1 * towards.sign()).clamp(0, 1)
    assert torch.allclose(result.candidates, worst, atol=1e-6)
    assert torch.allclose(result.best_loss, margins_of(net, worst, labels), atol=1e-3)


def test_the_optimum_of_a_linear_model_is_approached_under_l2(make_keys):
    """The gain is at most eps times the weights' norm, where the bounds do not matter."""
    generator = torch.Generator().manual_seed(0)
    net, inputs, _ = make_linear(1, 10, 10, classes=2)
    smooth = nn.functional.avg_pool2d(torch.randn(2, 1, 10, 10, generator=generator), 5, stride=1, padding=2)
    net[1].weight.copy_(smooth.flatten(1))
    net, inputs, labels = only(net, 0.25 + 0.5 * inputs, 0)
    best = 0.2 * (net[1].weight[1] - net[1].weight[0]).norm()
    short, long = (
        run(SquareParams(queries=queries), net, inputs, labels, "l2", 0.2, make_keys(5)).best_loss
        - margins_of(net, inputs, labels)
        for queries in (1, 3000)
    )
    assert (long > 0.75 * best).all()
    assert (long <= best + 1e-4).all()
    assert (short < 0.5 * best).all()


@pytest.mark.parametrize("shape", [(2, 9, 9), (1, 4, 11), (12,)], ids=str)
def test_a_query_moves_one_window_to_the_ends_of_what_is_allowed(shape, make_keys):
    net, inputs, _ = make_linear(*shape)
    net, inputs, labels = only(net, inputs, 1)
    spy = Recorder(net)
    run(SquareParams(queries=300), spy, inputs, labels, "linf", 0.1, make_keys(5))
    plane = plane_of(shape)
    lowest, highest = (inputs - 0.1).clamp(min=0), (inputs + 0.1).clamp(max=1)
    at, best = spy.asked[0].clone(), margins_of(net, spy.asked[0], labels)
    for query, asked in enumerate(spy.asked[1:]):
        at_end = ((asked - lowest).abs() < 1e-6) | ((asked - highest).abs() < 1e-6)
        assert at_end.all()
        changed = (asked != at).view(5, plane.channels, plane.height, plane.width).any(1)
        height, width = square_sides(share_at(query, 300, 0.8), plane)
        for sample in changed:
            rows, columns = sample.any(1).nonzero(), sample.any(0).nonzero()
            if len(rows):
                assert rows.max() - rows.min() < height
                assert columns.max() - columns.min() < width
        margins = margins_of(net, asked, labels)
        at[margins > best] = asked[margins > best]
        best = torch.maximum(best, margins)
    assert len(spy.asked) == 300


def test_the_start_under_linf_is_vertical_stripes(make_keys):
    net, inputs, _ = make_linear(3, 6, 20)
    spy = Recorder(net)
    run(SquareParams(queries=1), spy, 0 * inputs + 0.5, torch.ones(5).long(), "linf", 0.1, make_keys(5))
    (start,) = spy.asked
    assert torch.equal(start, start[:, :, :1].expand_as(start))
    assert 0.4 < (start > 0.5).float().mean() < 0.6
    assert not torch.equal(start[0, 0], start[0, 1])
    assert not torch.equal(start[0], start[1])


@pytest.mark.parametrize("shape", [(2, 9, 9), (1, 4, 11), (12,), (1, 1, 1)], ids=str)
def test_a_query_under_l2_changes_two_windows_and_spends_what_it_may(shape, make_keys):
    net, inputs, _ = make_linear(*shape)
    net, inputs, labels = only(net, 0.3 + 0.4 * inputs, 1)
    spy = Recorder(net)
    run(SquareParams(queries=300), spy, inputs, labels, "l2", 0.2, make_keys(5))
    plane = plane_of(shape)
    at, best = spy.asked[0].clone(), margins_of(net, spy.asked[0], labels)
    for query, asked in enumerate(spy.asked[1:]):
        norms = (asked.double() - inputs.double()).flatten(1).norm(dim=1)
        assert (norms <= 0.2 * (1 + 1e-6) + 1e-7).all()
        # The bounds are out of reach here: whatever is taken away is given to the window, unless directions cancel.
        assert (norms > 0.199).float().mean() >= (0.8 if math.prod(shape) > 1 else 0.0)
        changed = (asked != at).view(5, plane.channels, -1).any(1).sum(1)
        assert (changed <= 2 * math.prod(bump_sides(share_at(query, 300, 0.8), plane))).all()
        margins = margins_of(net, asked, labels)
        at[margins > best] = asked[margins > best]
        best = torch.maximum(best, margins)


@pytest.mark.parametrize("norm", NORMS)
def test_points_stay_in_the_ball_and_the_bounds(norm, make_keys):
    """Inputs at the bounds, and many steps: errors must not add up."""
    net, inputs, _ = make_linear(1, 7, 7)
    net, inputs, labels = only(net, inputs.round(), 1)
    spy = Recorder(net)
    run(SquareParams(queries=2000), spy, inputs, labels, norm, 0.7, make_keys(5))
    for asked in spy.asked:
        change = (asked.double() - inputs.double()).flatten(1)
        size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
        assert (size <= 0.7 * (1 + 1e-6) + 1e-7).all()
        assert (asked >= 0).all()
        assert (asked <= 1).all()


@pytest.mark.parametrize("norm", NORMS)
def test_queries_are_counted_one_by_one(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    spy = Recorder(net)
    result = run(SquareParams(queries=40, restarts=2), spy, inputs, labels, norm, 0.1, make_keys(200))
    standing = net(result.candidates).argmax(1) == labels
    assert standing.any()
    assert not standing.all()
    assert (result.forwards[standing] == 80).all()
    assert (result.forwards[~standing] < 80).any()
    assert torch.equal(result.queries, result.forwards)
    assert (result.backwards == 0).all()
    assert sum(map(len, spy.asked)) == result.forwards.sum()


@pytest.mark.parametrize("norm", NORMS)
def test_the_highest_margin_that_was_seen_is_the_one_of_the_candidate(norm, make_keys):
    net, inputs, _ = make_linear(1, 8, 8)
    net, inputs, labels = only(net, inputs, 2)
    spy = Recorder(net)
    result = run(SquareParams(queries=250), spy, inputs, labels, norm, 0.1, make_keys(5))
    seen = torch.stack([margins_of(net, asked, labels) for asked in spy.asked])
    assert torch.allclose(result.best_loss, seen.amax(0), rtol=1e-6)
    assert torch.allclose(margins_of(net, result.candidates, labels), result.best_loss, rtol=1e-6)
    assert (result.best_loss > seen[0] + 0.1).all()


@pytest.mark.parametrize("norm", NORMS)
def test_restarts_never_lose_what_one_start_found(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    once, often = (
        run(SquareParams(queries=30, restarts=restarts), net, inputs, labels, norm, 0.08, make_keys(200))
        for restarts in (1, 5)
    )
    broken_once, broken_often = (net(result.candidates).argmax(1) != labels for result in (once, often))
    assert (broken_often | ~broken_once).all()
    assert (broken_often & ~broken_once).any()
    standing = ~broken_often
    assert (often.best_loss[standing] >= once.best_loss[standing]).all()


@pytest.mark.parametrize("norm", NORMS)
def test_a_sample_gets_the_same_result_in_any_batch(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    whole = run(SquareParams(queries=150, restarts=2), net, inputs, labels, norm, 0.06, make_keys(200))
    rows = torch.tensor([50, 3, 120, 199])
    part = run(
        SquareParams(queries=150, restarts=2), net, inputs[rows], labels[rows], norm, 0.06, make_keys(200).rows(rows)
    )
    assert torch.allclose(part.candidates, whole.candidates[rows], atol=1e-6)
    assert torch.equal(part.forwards, whole.forwards[rows])


def test_other_keys_try_other_windows(make_keys):
    net, inputs, _ = make_linear(1, 8, 8)
    net, inputs, labels = only(net, inputs, 2)
    first, second = (
        run(SquareParams(queries=20), net, inputs, labels, "linf", 0.1, make_keys(5, seed=seed)) for seed in (0, 1)
    )
    assert not torch.equal(first.candidates, second.candidates)
    same_input = inputs[:1].expand(5, -1, -1, -1)
    result = run(SquareParams(queries=20), net, same_input, labels, "linf", 0.1, make_keys(5))
    assert not torch.equal(result.candidates[0], result.candidates[1])


@pytest.mark.parametrize("norm", NORMS)
def test_an_empty_batch_gives_an_empty_result(norm, make_keys):
    net, inputs, labels = make_linear(1, 4, 4)
    result = run(SquareParams(queries=5), net, inputs[:0], labels[:0], norm, 0.1, make_keys(0))
    assert result.candidates.shape == (0, 1, 4, 4)


@pytest.mark.parametrize("norm", NORMS)
def test_inputs_of_any_layout_in_memory_are_attacked_alike(norm, make_keys):
    net, inputs, _ = make_linear(3, 6, 6)
    net, inputs, labels = only(net, inputs, 2)
    plain, other = (
        run(SquareParams(queries=30), net, each, labels, norm, 0.1, make_keys(5))
        for each in (inputs, inputs.contiguous(memory_format=torch.channels_last))
    )
    assert torch.equal(plain.candidates, other.candidates)


def test_the_rows_that_stay_move_up():
    generator = torch.Generator().manual_seed(0)
    for n in range(1, 9):
        gone = torch.rand(n, generator=generator) < 0.5
        rows = torch.arange(2 * n).view(n, 2)
        stay = rows[~gone].clone()
        left = without(gone, rows)
        assert sorted(left.tolist()) == stay.tolist()
