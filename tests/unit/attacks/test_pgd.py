import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from robustkit import Keys, NoParams, RunError, ThreatModel
from robustkit_attacks.fgsm import FGSM
from robustkit_attacks.params import PGDParams, resolve_step_size
from robustkit_attacks.pgd import PGD


def compare(pgd, trained_net, keys):
    """Return how many samples PGD and FGSM break, and how far PGD's mean loss is above FGSM's where neither does."""
    net, inputs, labels = trained_net
    threat_model = ThreatModel(norm="linf", eps=0.06)
    results = [attack.run(net, inputs, labels, threat_model, keys) for attack in (pgd, FGSM(NoParams()))]
    broken = [net(result.candidates).argmax(1) != labels for result in results]
    standing = ~(broken[0] | broken[1])
    gain = results[0].best_loss[standing].mean() - results[1].best_loss[standing].mean()
    return int(broken[0].sum()), int(broken[1].sum()), float(gain)


def assert_stronger(by_pgd, by_fgsm, gain):
    assert by_pgd > by_fgsm
    assert gain > 0


def test_it_is_stronger_than_fgsm_on_a_trained_network(trained_net, make_keys):
    assert_stronger(*compare(PGD(PGDParams()), trained_net, make_keys(200)))


@pytest.mark.parametrize("weak", [PGDParams(steps=1, step_size=1e-4), PGDParams(steps=20, step_size=1e-4)])
def test_control_a_weakened_pgd_is_not_stronger(weak, trained_net, make_keys):
    with pytest.raises(AssertionError):
        assert_stronger(*compare(PGD(weak), trained_net, make_keys(200)))


def test_restarts_never_lose_what_one_start_found(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    once, often = (
        PGD(PGDParams(steps=5, restarts=restarts)).run(net, inputs, labels, linf(0.06), make_keys(200))
        for restarts in (1, 4)
    )
    broken_once, broken_often = (net(result.candidates).argmax(1) != labels for result in (once, often))
    assert (broken_often | ~broken_once).all()
    standing = ~broken_often
    assert (often.best_loss[standing] >= once.best_loss[standing]).all()
    assert (often.best_loss[standing] > once.best_loss[standing]).any()


def test_only_samples_that_stand_are_asked_about(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    asked = []
    handle = net.register_forward_pre_hook(lambda _, args: asked.append(len(args[0])))
    result = PGD(PGDParams(steps=6, restarts=2)).run(net, inputs, labels, linf(0.06), make_keys(200))
    handle.remove()
    standing = net(result.candidates).argmax(1) == labels
    assert standing.any()
    assert not standing.all()
    assert (result.forwards[standing] == 2 * (6 + 1)).all()
    assert (result.backwards[standing] == 2 * 6).all()
    assert (result.forwards[~standing] < 2 * (6 + 1)).any()
    assert sum(asked) == result.forwards.sum()
    assert torch.equal(result.queries, result.forwards)


@settings(deadline=None, max_examples=40)
@given(eps=st.floats(0, 1), steps=st.integers(1, 4), seed=st.integers(0, 99), size=st.integers(1, 9))
def test_candidates_stay_inside_the_ball_and_the_bounds(eps, steps, seed, size):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(3, size, generator=generator)
    weight = torch.randn(size, 3, generator=generator)

    class Linear(nn.Module):
        def forward(self, values):
            return values @ weight

    labels = (inputs @ weight).argmax(1)
    keys = Keys(seed=seed, stream="attacks/pgd", version=1, ids=torch.arange(3))
    result = PGD(PGDParams(steps=steps)).run(Linear(), inputs, labels, ThreatModel(norm="linf", eps=eps), keys)
    assert ((result.candidates.double() - inputs.double()).abs() <= eps + 1e-16).all()
    assert (result.candidates >= 0).all()
    assert (result.candidates <= 1).all()


def test_no_room_returns_the_inputs(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    result = PGD(PGDParams(restarts=2)).run(net, inputs, labels, linf(0.0), make_keys(200))
    assert torch.equal(result.candidates, inputs)


@pytest.mark.parametrize("shape", [(5,), (2, 7), (1, 6, 6), (3, 4, 4, 2)])
def test_inputs_of_any_shape_are_attacked(shape, two_classes, make_keys, linf):
    size = torch.Size(shape).numel()
    inputs = torch.full((4, *shape), 0.5)
    model = two_classes(torch.ones(size), -0.49 * size)
    result = PGD(PGDParams()).run(model, inputs, torch.ones(4, dtype=torch.int64), linf(0.05), make_keys(4))
    assert result.candidates.shape == inputs.shape
    assert (model(result.candidates).argmax(1) == 0).all()


def test_an_empty_batch_gives_an_empty_result(two_classes, make_keys, linf):
    model = two_classes(torch.ones(5), 0.0)
    result = PGD(PGDParams()).run(model, torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64), linf(0.1), make_keys(0))
    assert result.candidates.shape == (0, 5)
    assert result.forwards.shape == (0,)


def test_a_sample_gets_the_same_result_in_any_batch(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    whole = PGD(PGDParams(restarts=2)).run(net, inputs, labels, linf(0.05), make_keys(200))
    rows = torch.tensor([50, 3, 120])
    part = PGD(PGDParams(restarts=2)).run(net, inputs[rows], labels[rows], linf(0.05), make_keys(200).rows(rows))
    assert torch.allclose(part.candidates, whole.candidates[rows], atol=1e-6)
    assert torch.equal(part.forwards, whole.forwards[rows])


def test_it_climbs_inside_a_no_grad_block(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    outside = PGD(PGDParams()).run(net, inputs[:9], labels[:9], linf(0.05), make_keys(9))
    with torch.no_grad():
        inside = PGD(PGDParams()).run(net, inputs[:9], labels[:9], linf(0.05), make_keys(9))
    assert torch.equal(inside.candidates, outside.candidates)


class NotANumber(nn.Module):
    def forward(self, inputs):
        return torch.stack([inputs.sum(1) * torch.nan, inputs.sum(1)], dim=1)


def test_logits_that_are_not_numbers_are_no_success_and_are_shown_to_the_evaluator(make_keys, linf):
    inputs = torch.full((2, 3), 0.5)
    result = PGD(PGDParams(steps=3)).run(
        NotANumber(), inputs, torch.zeros(2, dtype=torch.int64), linf(0.1), make_keys(2)
    )
    assert not torch.equal(result.candidates, inputs)
    assert bool((result.candidates - inputs).abs().max() <= 0.1 + 1e-7)
    # The search went on: no sample was settled.
    assert (result.forwards == 4).all()


def test_a_model_without_gradient_is_an_error(make_keys, linf):
    class Detached(nn.Module):
        def forward(self, inputs):
            return torch.stack([inputs.detach().sum(1), torch.zeros(len(inputs))], dim=1)

    with pytest.raises(RunError, match="no gradient"):
        PGD(PGDParams()).run(Detached(), torch.ones(2, 3), torch.zeros(2, dtype=torch.int64), linf(0.1), make_keys(2))


def test_the_step_size_follows_from_eps_and_steps_unless_it_is_given(linf):
    assert resolve_step_size(PGDParams(steps=20), linf(8 / 255)).step_size == pytest.approx(1 / 255)
    assert resolve_step_size(PGDParams(step_size=0.5), linf(8 / 255)).step_size == 0.5
