"""What holds for every training method."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch

import robustkit_trainers

TRAINERS = {trainer.name: trainer for trainer in robustkit_trainers.robustkit_trainers()}


def build(name, model, **given):
    module, attribute = TRAINERS[name].target.split(":")
    return getattr(import_module(module), attribute)(TRAINERS[name].params(**given), model)


def test_three_are_declared():
    assert {name: trainer.modality for name, trainer in TRAINERS.items()} == {
        "standard": None,
        "pgd-at": "image",
        "fcl": "image",
    }


def test_the_reconstruction_says_so_wherever_it_is_used():
    assert TRAINERS["fcl"].caveat == (
        "robustkit's formulation, after Kim et al. 2021; not the authors' code: "
        "only that paper's abstract-level definitions are public"
    )
    assert not TRAINERS["standard"].caveat
    assert not TRAINERS["pgd-at"].caveat


@pytest.mark.parametrize("name", TRAINERS)
def test_a_step_gives_scalar_losses_and_trains_every_parameter(name, net, make_batch):
    losses = build(name, net)(make_batch())
    assert all(loss.shape == () and loss.isfinite() for loss in losses.values())
    assert [key for key, loss in losses.items() if loss.requires_grad] == ["loss"]
    assert all(parameter.grad is None for parameter in net.parameters()), "the step itself must not call backward"
    losses["loss"].backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())


@pytest.mark.parametrize("name", TRAINERS)
def test_the_weights_are_those_of_the_model_once(name, net):
    objective = build(name, net)
    assert set(objective.state_dict()) == {f"model.{key}" for key in net.state_dict()}
    assert {id(each) for each in objective.parameters()} == {id(each) for each in net.parameters()}


@pytest.mark.parametrize("name", TRAINERS)
def test_inputs_are_left_as_they_are(name, net, make_batch):
    batch = make_batch()
    before = batch.inputs.clone()
    build(name, net)(batch)["loss"].backward()
    build(name, net).correct(batch)
    assert torch.equal(batch.inputs, before)
    assert batch.inputs.grad is None
    assert not batch.inputs.requires_grad


@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.parametrize("training", [True, False])
def test_modes_are_put_back_and_validation_changes_nothing(name, net, make_batch, training):
    net.train(training)
    net.drop.eval()
    modes = {key: module.training for key, module in net.named_modules()}
    objective = build(name, net)
    with torch.random.fork_rng():
        objective(make_batch())
    state = {key: value.clone() for key, value in net.state_dict().items()}
    first, second = objective.correct(make_batch()), objective.correct(make_batch())
    assert {key: module.training for key, module in net.named_modules()} == modes
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in state.items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(first, second)
    assert first.dtype == torch.bool
    assert first.shape == (6,)


@pytest.mark.parametrize("name", TRAINERS)
def test_global_generators_are_left_alone(name, plain, make_batch):
    before = torch.get_rng_state()
    first = build(name, plain)(make_batch())["loss"]
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(20_011)
        assert torch.equal(build(name, plain)(make_batch())["loss"], first)


@pytest.mark.parametrize("name", TRAINERS)
def test_it_learns(name, plain, make_batch):
    objective, batch = build(name, plain), make_batch(n=12)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    losses = []
    for _ in range(25):
        loss = objective(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_standard_is_cross_entropy_on_texts_too(make_batch):
    class Lengths(torch.nn.Module):
        def forward(self, texts):
            return torch.tensor([[float(len(text)), 2.0, 0.0] for text in texts])

    texts = ["", "a", "abc"]
    batch = make_batch(n=3, inputs=texts)
    expected = -torch.stack([row.log_softmax(0)[i] for i, row in enumerate(Lengths()(texts))]).mean()
    assert torch.allclose(build("standard", Lengths())(batch)["loss"], expected)
    assert build("standard", Lengths()).correct(batch).tolist() == [False, True, False]


def test_label_smoothing_is_the_mixture_with_all_classes(plain, make_batch):
    batch = make_batch()
    log_probabilities = plain(batch.inputs).log_softmax(1)
    sharp = build("standard", plain)(batch)["loss"]
    smooth = build("standard", plain, label_smoothing=0.3)(batch)["loss"]
    assert torch.allclose(smooth, 0.7 * sharp - 0.3 * log_probabilities.mean())
