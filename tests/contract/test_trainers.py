"""Every first-party trainer keeps the contract, and the kit notices every way to break it."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from robustkit import Trainer
from robustkit.host import load_host
from robustkit.host.validate import parse_params, resolve_target
from robustkit.testing import TRAINER_CHECKS, check_trainer
from robustkit.testing import trainer as kit

HOST = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all("trainer") if entry.first_party]
OTHER = [
    ("standard", {"label_smoothing": 0.1}),
    ("pgd-at", {"radius": 0.03, "steps": 2, "step_size": 0.02}),
    ("fcl", {"warmup": 0, "patch": 2}),
    ("fcl", {"warmup": 0, "basis": "pixel", "layer": "2", "negatives": 1}),
]


def factory(entry, **given):
    params = parse_params(entry, given)
    return lambda model: resolve_target(entry)(params, model)


def test_the_first_party_trainers_are_found():
    assert {entry.qualified for entry in ENTRIES} >= {"trainers/standard", "trainers/pgd-at", "trainers/fcl"}


@pytest.mark.parametrize("check", TRAINER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_trainers_keep_the_contract(entry, check):
    check(factory(entry), entry.component, (3, 8, 8))


@pytest.mark.parametrize(("name", "params"), OTHER, ids=str)
def test_they_keep_it_with_other_parameters_and_one_channel(name, params):
    entry = HOST.catalog.find("trainer", name)
    check_trainer(factory(entry, **params), entry.component, shape=(1, 6, 10))


def test_standard_keeps_it_for_texts():
    declaration = Trainer(name="standard", summary="a toy", target="toy:toy", modality="text")
    check_trainer(factory(HOST.catalog.find("trainer", "standard")), declaration)


DECLARATION = Trainer(name="toy", summary="a toy", target="toy:toy")


class Good(nn.Module):
    """Cross-entropy, which keeps every clause; the broken ones below change one thing."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        return {"loss": self.loss(batch)}

    def loss(self, batch):
        return functional.cross_entropy(self.model(batch.inputs), batch.labels)

    def correct(self, batch):
        with torch.no_grad():
            return self.model(batch.inputs).argmax(1) == batch.labels


class HidesItsModel(Good):
    def __init__(self, model):
        super().__init__(None)
        self.hidden = [model]
        self.own = nn.Linear(1, 1)


class NamesNoLoss(Good):
    def forward(self, batch):
        return {"cross_entropy": self.loss(batch)}


class OneLossASample(Good):
    def forward(self, batch):
        loss = functional.cross_entropy(self.model(batch.inputs), batch.labels, reduction="none")
        return {"loss": loss.sum(), "all": loss}


class DetachesItsLoss(Good):
    def forward(self, batch):
        return {"loss": self.loss(batch).detach()}


class CallsBackward(Good):
    def forward(self, batch):
        loss = self.loss(batch)
        loss.backward(retain_graph=True)
        return {"loss": loss}


class StaysInEvaluation(Good):
    def forward(self, batch):
        self.model.eval()
        return super().forward(batch)


class ChangesItsInputs(Good):
    def forward(self, batch):
        batch.inputs.mul_(0.5)
        return super().forward(batch)


class DrawsGlobally(Good):
    def forward(self, batch):
        return {"loss": self.loss(batch) + 1e-3 * torch.rand(())}


class CountsItsSteps(Good):
    steps = 0

    def forward(self, batch):
        self.steps += 1
        return {"loss": self.loss(batch) * (1 + 0.01 * self.steps)}


class RemembersBesideItsState(Good):
    last = 0.0

    def forward(self, batch):
        loss = self.loss(batch) + 0.1 * self.last
        self.last = float(loss.detach())
        return {"loss": loss}


class Climbs(Good):
    def forward(self, batch):
        loss = self.loss(batch)
        return {"loss": 2 * loss.detach() - loss}


class CountsThem(Good):
    def correct(self, batch):
        return super().correct(batch).sum()


class LeavesGradients(Good):
    def correct(self, batch):
        self.loss(batch).backward()
        return super().correct(batch)


class FailsOnSmallImages(Good):
    def check_inputs(self, shape):
        assert shape[1] > 1


BROKEN = [
    (HidesItsModel, kit.check_holds_model, "does not hold the model's parameters"),
    (NamesNoLoss, kit.check_losses, "'loss' among them"),
    (OneLossASample, kit.check_losses, "expected scalar tensors"),
    (DetachesItsLoss, kit.check_losses, "differentiating its loss"),
    (CallsBackward, kit.check_leaves_model, "grad of"),
    (StaysInEvaluation, kit.check_leaves_model, "training mode"),
    (ChangesItsInputs, kit.check_leaves_model, "changes its inputs"),
    (DrawsGlobally, kit.check_trainer_no_global_randomness, "global generator: torch"),
    (CountsItsSteps, kit.check_trainer_repeatable, "the same batch and keys give"),
    (RemembersBesideItsState, kit.check_trainer_continues, "leaves out what the next steps depend on"),
    (Climbs, kit.check_learns, "steps on one batch took the loss from"),
    (CountsThem, kit.check_correct, r"expected correct as \(8,\) bool"),
    (FailsOnSmallImages, kit.check_inputs_asked, "check_inputs.*AssertionError"),
    (LeavesGradients, kit.check_correct, "changes the model"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_trainer_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, DECLARATION, (3, 8, 8))


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == set(TRAINER_CHECKS)


@pytest.mark.parametrize("check", TRAINER_CHECKS, ids=lambda check: check.__name__)
def test_a_good_trainer_passes(check):
    check(Good, DECLARATION, (3, 8, 8))
