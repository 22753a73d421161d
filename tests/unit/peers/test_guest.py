"""What protects robustkit from a library, shown with libraries that do everything wrong."""

import random
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from robustkit import Attack, ConfigError, RunError, ThreatModel
from robustkit.testing import ATTACK_CHECKS
from robustkit.testing import attack as kit
from robustkit.testing.watch import make_images, make_keys
from robustkit_peers.guest import CountedModel, into_ball, run_peer

SHAPE = (2, 4, 4)


class Rude:
    """Draws from every global generator, leaves gradients and modes behind, prints, and goes far outside the ball."""

    def run(self, model, inputs, labels, threat_model, keys):
        return run_peer("rude-1", self.search, model, inputs, labels, threat_model, keys)

    def search(self, counted, points, truth, seed):
        print("look at me")
        counted.eval()
        points = points.requires_grad_()
        functional.cross_entropy(counted(points), truth).backward()
        noise = 0.1 * torch.rand_like(points) + 0.01 * (np.random.rand() + random.random())
        counted.train()
        counted.requires_grad_(True)
        truth.zero_()
        return (points + noise * points.grad.sign()).detach()


DECLARATION = Attack(name="rude", summary="a toy", target=Rude, norms=("linf", "l2"))
CANNOT = {
    kit.check_attack_batch_independence: "it draws for the batch as a whole",
}


@pytest.mark.parametrize("check", [check for check in ATTACK_CHECKS if check not in CANNOT], ids=lambda c: c.__name__)
def test_a_rude_library_keeps_the_contract(check, capsys):
    check(Rude, DECLARATION, SHAPE)
    assert "look at me" not in capsys.readouterr().out


@pytest.mark.parametrize("check", CANNOT, ids=lambda check: check.__name__)
def test_what_cannot_be_kept(check):
    with pytest.raises(AssertionError, match="reach another loss"):
        check(Rude, DECLARATION, SHAPE)


def run(search, n=5, norm="linf", eps=0.1):
    model, inputs = kit._Toy(SHAPE).eval(), make_images(n, SHAPE)
    labels = torch.zeros(n, dtype=torch.int64)
    return run_peer("toy-1", search, model, inputs, labels, ThreatModel(norm=norm, eps=eps), make_keys("x", n)), inputs


def test_passes_are_counted_in_samples_and_shared_out_over_the_batch():
    def search(counted, points, truth, seed):
        with torch.no_grad():
            counted(points[:3])
        points = points.requires_grad_()
        counted(points)[:, 0].sum().backward()
        return points

    result, _ = run(search)
    # 3 + 5 by the search, 5 for the loss of what it returns
    assert result.forwards.tolist() == [3, 3, 3, 2, 2]
    assert torch.equal(result.queries, result.forwards)
    assert result.backwards.tolist() == [1] * 5


def test_a_gradient_of_each_logit_is_a_backward_pass_of_its_own():
    def search(counted, points, truth, seed):
        logits = counted(points.requires_grad_())
        for each in range(3):
            torch.autograd.grad(logits[:, each].sum(), points, retain_graph=True)
        return points

    assert run(search)[0].backwards.tolist() == [3] * 5


def test_the_seed_depends_on_the_keys():
    seeds = []
    model, inputs, labels = kit._Toy(SHAPE).eval(), make_images(3, SHAPE), torch.zeros(3, dtype=torch.int64)
    for keys in (make_keys("x", 3), make_keys("x", 3), make_keys("x", 3, seed=1), make_keys("x", 4).rows([0, 1, 3])):
        run_peer("toy-1", lambda _, points, __, seed: seeds.append(seed) or points,
                 model, inputs, labels, ThreatModel(norm="linf", eps=0.1), keys)  # fmt: skip
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_library_that_fails_is_an_error_that_names_it():
    def search(counted, points, truth, seed):
        raise IndexError("list index\nout of range")

    with pytest.raises(RunError, match="toy-1 failed: IndexError: list index out of range"):
        run(search)


@pytest.mark.parametrize("error", [ConfigError("a", "b"), torch.OutOfMemoryError("full")])
def test_what_the_host_knows_how_to_handle_passes(error):
    def search(counted, points, truth, seed):
        raise error

    with pytest.raises(type(error)):
        run(search)


def test_everything_is_put_back_after_a_failure():
    model = kit._Toy(SHAPE).eval()
    model.second.requires_grad_(False)
    before, states = kit.model_state(model), (torch.get_rng_state(), random.getstate())
    labels = torch.zeros(2, dtype=torch.int64)

    def search(counted, points, truth, seed):
        counted.train()
        random.random()
        raise ValueError

    with pytest.raises(RunError):
        run_peer("toy-1", search, model, make_images(2, SHAPE), labels, ThreatModel(norm="linf", eps=0.1),
                 make_keys("x", 2))  # fmt: skip
    kit.require_same_state("toy", before, kit.model_state(model))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_points_inside_stay_as_they_are_to_the_last_bit():
    inputs = make_images(4, SHAPE)
    points = (inputs + 0.05 * torch.sign(inputs - 0.5)).clamp(0, 1)
    for norm, eps in (("linf", 0.06), ("l2", 1.0)):
        assert torch.equal(into_ball(points, inputs, ThreatModel(norm=norm, eps=eps)), points)


@pytest.mark.parametrize(
    ("norm", "expected"), [("linf", [0.6, 0.55]), ("l2", [0.5 + 0.2**0.5 / 10, 0.5 + 0.05**0.5 / 10])]
)
def test_points_outside_go_to_the_nearest_point_of_the_ball(norm, expected):
    # From (0.5, 0.5), a change of (0.2, 0.1) or for Linf (0.2, 0.05); eps 0.1. L2: (2, 1) / sqrt 5 of length 0.1.
    inputs = torch.tensor([[0.5, 0.5]])
    points = inputs + torch.tensor([[0.2, 0.05 if norm == "linf" else 0.1]])
    expected = expected if norm == "linf" else [0.5 + 0.2 / 5**0.5, 0.5 + 0.1 / 5**0.5]
    assert into_ball(points, inputs, ThreatModel(norm=norm, eps=0.1))[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("eps", [0.01, 3.0])
def test_points_are_inside_where_all_values_are_rounded_the_same_way(eps):
    inputs = torch.linspace(0.1, 0.9, 8).view(8, 1, 1, 1).expand(8, 3, 224, 224).contiguous()
    for change in (0.3, -0.3):
        points = into_ball(inputs + change, inputs, ThreatModel(norm="l2", eps=eps))
        length = (points.double() - inputs.double()).flatten(1).norm(dim=1)
        assert (length <= eps * (1 + 1e-6)).all()
        assert (length >= 0.95 * eps).all()


def test_what_is_no_number_is_replaced_by_the_input():
    inputs = make_images(2, SHAPE)
    points = inputs.clone()
    points[0, 0, 0, 0], points[1, 0, 0, 0] = torch.nan, torch.inf
    assert torch.equal(into_ball(points, inputs, ThreatModel(norm="l2", eps=1.0)), inputs)


def test_the_counted_model_is_in_the_mode_of_the_model():
    assert CountedModel(kit._Toy(SHAPE).eval()).training is False
    assert CountedModel(kit._Toy(SHAPE)).training is True


def test_stdout_is_left_to_results(capsys):
    run(lambda counted, points, truth, seed: print("chatter") or points)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "chatter\n"
    assert sys.stdout is not sys.stderr
