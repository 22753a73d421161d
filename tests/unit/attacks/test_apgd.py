"""APGD: its schedule by hand, its worst points in closed form, its strength beside PGD."""

import pytest
import torch
from torch import nn

from robustkit import RunError, ThreatModel
from robustkit_attacks import apgd
from robustkit_attacks.apgd import APGD, APGDDLR, APGDTargeted, check_steps
from robustkit_attacks.params import APGDParams, APGDTargetedParams, PGDParams
from robustkit_attacks.pgd import PGD

LINF, L2 = ThreatModel(norm="linf", eps=0.06), ThreatModel(norm="l2", eps=0.12)


def test_the_checks_come_closer_as_in_the_paper():
    """Periods 22, 19, 16, 13, 10, 7, 6, 6 of 100 steps: Croce and Hein (2020), section 3.3."""
    steps, lengths = zip(*check_steps(100), strict=True)
    assert lengths == (22, 19, 16, 13, 10, 7, 6, 6)
    assert steps == (22, 41, 57, 70, 80, 87, 93, 99)


@pytest.mark.parametrize("steps", [1, 2, 5, 7, 1000])
def test_any_number_of_steps_has_checks_within_it(steps):
    assert all(step <= steps and length >= 1 for step, length in check_steps(steps))


@pytest.mark.parametrize(
    ("attack", "tolerance"),
    [(APGD(APGDParams(steps=30)), 1e-4), (PGD(PGDParams(steps=60, step_size=0.1)), 1e-3)],
    ids=["apgd", "pgd"],
)
def test_it_reaches_the_worst_loss_of_a_linear_model_under_l2(attack, tolerance, two_classes, make_keys):
    """Far from the bounds, the worst point is x - eps w / ||w||."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(30, generator=generator)
    inputs = 0.4 + 0.2 * torch.rand(8, 30, generator=generator)
    threat_model = ThreatModel(norm="l2", eps=0.3)
    result = attack.run(two_classes(weight, 12.0), inputs, torch.ones(8, dtype=torch.int64), threat_model, make_keys(8))
    worst = inputs.double() - 0.3 * weight.double() / weight.double().norm()
    expected = torch.log1p(torch.exp(-(worst @ weight.double() + 12)))
    assert torch.allclose(result.best_loss, expected, rtol=tolerance)


def broken_by(attack, trained_net, threat_model, keys):
    net, inputs, labels = trained_net
    result = attack.run(net, inputs, labels, threat_model, keys)
    return net(result.candidates).argmax(1) != labels


def assert_as_strong(attack, trained_net, threat_model, keys, slack=1):
    """At least what PGD breaks with as many steps from five starts, but for `slack` samples."""
    pgd = broken_by(PGD(PGDParams(steps=100, restarts=5)), trained_net, threat_model, keys)
    own = broken_by(attack, trained_net, threat_model, keys)
    assert 0.2 < own.double().mean() < 0.9
    assert own.sum() >= pgd.sum() - slack


@pytest.mark.parametrize("threat_model", [LINF, L2], ids=["linf", "l2"])
@pytest.mark.parametrize(
    ("attack", "slack"),
    # Of models that are not blinded, the untargeted DLR breaks a little less than the cross-entropy.
    [(APGD(APGDParams(restarts=2)), 1), (APGDDLR(APGDParams(restarts=2)), 5), (APGDTargeted(APGDTargetedParams()), 1)],
)
def test_it_is_as_strong_as_pgd_with_restarts(attack, slack, threat_model, trained_net, make_keys):
    assert_as_strong(attack, trained_net, threat_model, make_keys(200), slack)


@pytest.mark.parametrize("threat_model", [LINF, L2], ids=["linf", "l2"])
def test_control_without_halving_the_step_size_it_is_not(threat_model, trained_net, make_keys, monkeypatch):
    monkeypatch.setattr(apgd, "_checked", lambda state, _: state)
    monkeypatch.setattr(apgd, "_MOMENTUM", 1)
    with pytest.raises(AssertionError):
        assert_as_strong(APGD(APGDParams(restarts=1)), trained_net, threat_model, make_keys(200))


class Scaled(nn.Module):
    def __init__(self, net, factor):
        super().__init__()
        self.net, self.factor = net, factor

    def forward(self, inputs):
        return self.net(inputs) * self.factor


def test_scaled_logits_blind_the_cross_entropy_but_not_the_difference_of_logits_ratio(trained_net, make_keys):
    net, inputs, labels = trained_net
    # In float32 the probability of a class that leads by 1e4 is exactly 1, and its gradient 0.
    blinding = Scaled(net, 1e4), inputs, labels
    for scaled, kept in ((APGD, False), (APGDDLR, True)):
        plain = broken_by(scaled(APGDParams()), trained_net, LINF, make_keys(200))
        blinded = broken_by(scaled(APGDParams()), blinding, LINF, make_keys(200))
        assert (blinded.sum() >= plain.sum() - 2) == kept


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize(
    "attack", [APGD(APGDParams(steps=20)), APGDDLR(APGDParams(steps=20)), APGDTargeted(APGDTargetedParams(steps=20))]
)
def test_problems_of_few_classes_are_attacked(attack, classes, make_keys):
    weight = torch.randn(6, classes, generator=torch.Generator().manual_seed(0))
    net = nn.Linear(6, classes, bias=False)
    net.weight.data = weight.T.contiguous()
    inputs = torch.rand(20, 6, generator=torch.Generator().manual_seed(1))
    labels = net(inputs).argmax(1)
    found = attack.run(net, inputs, labels, ThreatModel(norm="linf", eps=1.0), make_keys(20))
    assert (net(found.candidates).argmax(1) != labels).any()
    assert not found.best_loss.isnan().any()


def test_averaged_gradients_are_counted_and_climb_a_noisy_model(trained_net, make_keys):
    net, inputs, labels = trained_net
    generator = torch.Generator().manual_seed(0)
    weak = ThreatModel(norm="linf", eps=0.01)

    class Noisy(nn.Module):
        def forward(self, points):
            return net(points + 0.1 * torch.randn(points.shape, generator=generator))

    def loss_after(eot):
        result = APGD(APGDParams(steps=20, eot=eot)).run(Noisy(), inputs, labels, weak, make_keys(200))
        return nn.functional.cross_entropy(net(result.candidates), labels), result

    (once, single), (often, result) = loss_after(1), loss_after(10)
    assert often > once
    assert (result.forwards.max(), single.forwards.max()) == (1 + 10 * 20, 1 + 20)


def test_a_model_without_gradient_is_an_error(make_keys):
    class Detached(nn.Module):
        def forward(self, inputs):
            return torch.stack([inputs.detach().sum(1), torch.zeros(len(inputs))], dim=1)

    with pytest.raises(RunError, match="no gradient"):
        APGD(APGDParams()).run(Detached(), torch.ones(2, 3), torch.zeros(2, dtype=torch.int64), LINF, make_keys(2))
