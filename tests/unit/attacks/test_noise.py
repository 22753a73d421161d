import math

import pytest
import torch
from torch import nn

from robustkit import Attack, ThreatModel
from robustkit.testing import check_attack
from robustkit_attacks.noise import RandomNoise
from robustkit_attacks.params import NoiseParams

NORMS = ["linf", "l2"]
DECLARATION = Attack(
    name="random-noise", summary="noise", target=RandomNoise, norms=("linf", "l2"), needs=frozenset(), batches=True
)


class Recorder(nn.Module):
    """Sums up its input for the second class, which wins only above `needed`, and keeps what it is asked."""

    def __init__(self, needed=math.inf):
        super().__init__()
        self.needed, self.asked = needed, []

    def forward(self, inputs):
        assert not torch.is_grad_enabled()
        self.asked.append(inputs.clone())
        score = inputs.flatten(1).sum(1).detach()
        return torch.stack([torch.full_like(score, min(self.needed, 1e3)), score], dim=1)


def run(net, inputs, draws, norm, eps, keys):
    threat_model = ThreatModel(norm=norm, eps=eps)
    return RandomNoise(NoiseParams(draws=draws)).run(net, inputs, torch.zeros(len(inputs)).long(), threat_model, keys)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 5, 9), (7,), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_it_keeps_the_contract(norm, shape):
    # The norm that is named first is the one that all clauses are checked with.
    declaration = Attack(**{**vars(DECLARATION), "norms": (norm, *(set(NORMS) - {norm}))})
    check_attack(lambda: RandomNoise(NoiseParams(draws=30)), declaration, shape=shape)


def test_linf_points_are_corners_with_fair_and_independent_signs(make_keys):
    net, inputs = Recorder(), torch.full((400, 6), 0.5)
    run(net, inputs, 5, "linf", 0.1, make_keys(400))
    signs = torch.stack(net.asked, dim=1).sub(0.5).div(0.1)
    assert torch.allclose(signs.abs(), torch.ones(()), atol=1e-5)
    # The mean of 400 fair signs, or of products of two, has a standard deviation of 0.05.
    flat = signs.flatten(1)
    assert flat.mean(0).abs().max() < 0.2
    assert (flat.T @ flat / 400 - torch.eye(30)).abs().max() < 0.25


def test_linf_corners_are_cut_by_the_bounds(make_keys):
    net = Recorder()
    run(net, torch.tensor([[0.0, 1.0, 0.05]]).expand(50, 3), 2, "linf", 0.1, make_keys(50))
    points = torch.cat(net.asked)
    for column, ends in enumerate([(0.0, 0.1), (0.9, 1.0), (0.0, 0.15)]):
        assert points[:, column].unique().tolist() == pytest.approx(ends, abs=1e-6)


def test_l2_points_are_at_eps_in_every_direction(make_keys):
    net, inputs = Recorder(), torch.full((400, 1, 2, 3), 0.5)
    run(net, inputs, 3, "l2", 0.2, make_keys(400))
    changes = torch.cat(net.asked).double().sub(0.5).flatten(1)
    assert torch.allclose(changes.norm(dim=1), torch.tensor(0.2, dtype=torch.float64), atol=1e-6)
    directions = changes / 0.2
    assert directions.mean(0).abs().max() < 0.06
    # Each of six coordinates has the mean square 1/6.
    assert (directions.T @ directions / len(directions) - torch.eye(6) / 6).abs().max() < 0.03


@pytest.mark.parametrize("norm", NORMS)
def test_the_best_of_all_draws_is_kept(norm, make_keys):
    net, inputs = Recorder(), torch.full((5, 9), 0.5)
    result = run(net, inputs, 20, norm, 0.1, make_keys(5))
    sums = torch.stack([asked.sum(1) for asked in net.asked])
    assert len(net.asked) == 20
    assert torch.equal(result.candidates, torch.stack(net.asked)[sums.argmax(0), torch.arange(5)])
    assert torch.allclose(result.best_loss, (sums.amax(0) - 1e3).double())
    assert (sums.amax(0) > sums[0]).any()


@pytest.mark.parametrize("norm", NORMS)
def test_a_sample_drops_out_when_it_is_fooled(norm, make_keys):
    net, inputs = Recorder(needed=4.55), torch.full((60, 9), 0.5)
    result = run(net, inputs, 12, norm, 0.1, make_keys(60))
    fooled = result.candidates.sum(1) > 4.55
    assert fooled.any()
    assert (result.forwards[~fooled] == 12).all()
    assert (result.forwards[fooled] < 12).any()
    assert sum(map(len, net.asked)) == result.forwards.sum()
    assert torch.equal(result.queries, result.forwards)
    assert (result.backwards == 0).all()


@pytest.mark.parametrize("norm", NORMS)
def test_a_sample_gets_the_same_result_in_any_batch(norm, make_keys):
    inputs = torch.full((60, 9), 0.5)
    whole = run(Recorder(needed=4.7), inputs, 12, norm, 0.1, make_keys(60))
    rows = torch.tensor([40, 2])
    part = run(Recorder(needed=4.7), inputs[rows], 12, norm, 0.1, make_keys(60).rows(rows))
    assert torch.equal(part.candidates, whole.candidates[rows])
    assert torch.equal(part.forwards, whole.forwards[rows])


@pytest.mark.parametrize("norm", NORMS)
def test_logits_that_are_not_numbers_are_no_success_but_are_shown(norm, make_keys):
    class Nan(nn.Module):
        def forward(self, inputs):
            return torch.full((len(inputs), 3), torch.nan)

    inputs = torch.full((3, 8), 0.5)
    result = run(Nan(), inputs, 4, norm, 0.2, make_keys(3))
    assert (result.candidates != inputs).flatten(1).any(dim=1).all()
    assert (result.forwards == 4).all()


@pytest.mark.parametrize("norm", NORMS)
def test_an_empty_batch_gives_an_empty_result(norm, make_keys):
    result = run(Recorder(), torch.zeros(0, 1, 4, 4), 5, norm, 0.1, make_keys(0))
    assert result.candidates.shape == (0, 1, 4, 4)
