"""The inner attack of adversarial training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from robustkit_trainers.params import PgdAtParams
from robustkit_trainers.pgd_at import PgdAt, pgd

PARAMS = PgdAtParams(radius=0.1, steps=5)


def losses(model, points, labels):
    with torch.no_grad():
        return functional.cross_entropy(model.eval()(points), labels, reduction="none")


@pytest.mark.parametrize("radius", [0.0, 8 / 255, 0.3, 1.0])
@pytest.mark.parametrize("step_size", [None, 0.0, 5.0])
def test_points_stay_in_the_ball_and_in_the_bounds(net, make_batch, radius, step_size):
    batch = make_batch()
    worst = PgdAt(PgdAtParams(radius=radius, step_size=step_size), net).attack(batch)
    assert (worst - batch.inputs).abs().max() <= radius + 1e-6
    assert worst.min() >= 0
    assert worst.max() <= 1
    assert not worst.requires_grad


def test_the_attack_raises_the_loss_and_steps_are_what_does_it(net, make_batch):
    batch = make_batch(n=12)
    clean = losses(net, batch.inputs, batch.labels)
    worst = losses(net, PgdAt(PARAMS, net).attack(batch), batch.labels)
    still = losses(net, PgdAt(replace(PARAMS, step_size=0.0), net).attack(batch), batch.labels)
    assert (worst > clean).all()
    assert worst.mean() - clean.mean() > 5 * (still.mean() - clean.mean()).abs(), "control: the start alone"


def test_on_a_linear_model_it_finds_the_corner(make_batch):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    batch = make_batch(inputs=torch.full((6, 1, 8, 8), 0.5))
    weight = model[1].weight.detach()
    probabilities = model(batch.inputs).softmax(1)
    worst = pgd(model, batch.inputs, batch.labels, batch.keys, PgdAtParams(radius=1e-3, steps=10))
    # For so small a ball the gradient's sign is that at the centre: W'(p - e_y).
    direction = ((probabilities - torch.eye(3)[batch.labels]) @ weight).sign().reshape(worst.shape)
    agree = (torch.sign(worst - 0.5) == direction).float().mean()
    assert agree > 0.99
    assert torch.allclose((worst - 0.5).abs(), torch.tensor(1e-3), atol=1e-6)


def test_the_default_step_is_five_halves_of_the_radius_over_the_steps(plain, make_batch):
    batch = make_batch()
    left_out = PgdAt(PgdAtParams(radius=0.2, steps=4), plain).attack(batch)
    assert torch.equal(left_out, PgdAt(PgdAtParams(radius=0.2, steps=4, step_size=0.125), plain).attack(batch))


def test_the_attack_sees_evaluation_mode_and_the_step_training_mode(net, make_batch):
    seen, before = [], net.norm.running_mean.clone()
    net.norm.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    objective = PgdAt(PARAMS, net.train())
    objective.attack(make_batch())
    assert torch.equal(net.norm.running_mean, before)
    objective(make_batch())
    assert seen == [False] * 5 + [False] * 5 + [True]
    assert not torch.equal(net.norm.running_mean, before)


def test_a_samples_attack_does_not_depend_on_its_batch(net, make_batch):
    objective = PgdAt(PARAMS, net)
    together, alone = objective.attack(make_batch(n=6)), objective.attack(make_batch(n=2, start=3))
    assert torch.allclose(together[3:5], alone, atol=1e-5)


def test_starts_are_random_by_key(plain, make_batch):
    start = PgdAt(PgdAtParams(radius=0.1, step_size=0.0), plain).attack(make_batch(n=12))
    offset = start - make_batch(n=12).inputs
    assert offset.abs().mean() == pytest.approx(0.05, abs=0.005)
    assert not torch.allclose(offset[0], offset[1], atol=1e-3)


def test_it_validates_under_attack(net, make_batch):
    batch = make_batch(n=12)
    batch = replace(batch, labels=net.eval()(batch.inputs).argmax(1))
    assert PgdAt(replace(PARAMS, radius=0.0), net).correct(batch).all()
    assert not PgdAt(replace(PARAMS, radius=1.0), net).correct(batch).any()


def test_frozen_gradients_do_not_stop_the_attack(net, make_batch):
    with torch.no_grad():
        worst = PgdAt(PARAMS, net).attack(make_batch())
    assert torch.equal(worst, PgdAt(PARAMS, net).attack(make_batch()))
