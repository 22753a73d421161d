"""The contract kit for trainers passes what keeps the contract and notices every way to break it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from robustkit import Trainer
from robustkit.host import load_host
from robustkit.host.validate import build
from robustkit.testing import TRAINER_CHECKS, check_trainer
from robustkit.testing import trainer as kit

HOST = load_host()
ENTRIES = [entry for entry in HOST.catalog.all("trainer") if entry.first_party]


@pytest.mark.parametrize("check", TRAINER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_trainers_keep_the_contract(entry: Any, check: Any) -> None:
    check(lambda model: build(entry, {}, model), entry.component, (3, 8, 8))


class Good(nn.Module):
    """Keeps every clause; the broken ones below change one thing."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> Any:
        loss = functional.cross_entropy(self.model(batch.inputs), batch.labels)
        return {"loss": loss, "again": loss.detach()}

    def correct(self, batch: Any) -> Any:
        with torch.no_grad():
            return self.model(batch.inputs).argmax(dim=1) == batch.labels


class HidesTheModel(Good):
    def __init__(self, model: nn.Module) -> None:
        nn.Module.__init__(self)
        self.models = [model]

    def forward(self, batch: Any) -> Any:
        return {"loss": self.models[0](batch.inputs).sum()}


class Freezes(Good):
    def __init__(self, model: nn.Module) -> None:
        super().__init__(model.requires_grad_(False))


class Thaws(Good):
    def __init__(self, model: nn.Module) -> None:
        super().__init__(model.requires_grad_(True))


class NoLoss(Good):
    def forward(self, batch: Any) -> Any:
        return {"cost": super().forward(batch)["loss"]}


class Numbered(Good):
    def forward(self, batch: Any) -> Any:
        return {**super().forward(batch), 7: torch.zeros(())}


class Bare(Good):
    def forward(self, batch: Any) -> Any:
        return super().forward(batch)["loss"]


class Rows(Good):
    def forward(self, batch: Any) -> Any:
        return {"loss": self.model(batch.inputs).sum(dim=1)}


class NotANumber(Good):
    def forward(self, batch: Any) -> Any:
        return {**super().forward(batch), "again": torch.tensor(torch.nan)}


class Detached(Good):
    def forward(self, batch: Any) -> Any:
        return {"loss": super().forward(batch)["loss"].detach()}


class LeavesGradients(Good):
    def forward(self, batch: Any) -> Any:
        torch.autograd.backward(super().forward(batch)["loss"])
        return super().forward(batch)


class StaysInEvaluation(Good):
    def forward(self, batch: Any) -> Any:
        self.model.eval()
        return super().forward(batch)


class WritesIntoItsInputs(Good):
    def forward(self, batch: Any) -> Any:
        batch.inputs.mul_(0.5)
        return super().forward(batch)


class DrawsGlobally(Good):
    def forward(self, batch: Any) -> Any:
        return {"loss": super().forward(batch)["loss"] * torch.rand(())}


class FailsOnSmallImages(Good):
    def check_inputs(self, shape: Any) -> None:
        assert shape[1] > 1


class FreezesWhenAsked(Good):
    def check_inputs(self, shape: Any) -> None:
        self.model.requires_grad_(False)


class Counts(Good):
    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.steps = 0

    def forward(self, batch: Any) -> Any:
        self.steps += 1
        return {"loss": super().forward(batch)["loss"] * self.steps}


class CountsFromTheThirdStep(Counts):
    def forward(self, batch: Any) -> Any:
        self.steps += 1
        return {"loss": Good.forward(self, batch)["loss"] * (2 if self.steps > 2 else 1)}


class Climbs(Good):
    def forward(self, batch: Any) -> Any:
        return {"loss": -super().forward(batch)["loss"]}


class ClimbsAtHeart(Good):
    """Shows another number than the one whose gradient it gives."""

    def forward(self, batch: Any) -> Any:
        loss = super().forward(batch)["loss"]
        return {"loss": 2 * loss.detach() - loss}


class CountsCorrect(Good):
    def correct(self, batch: Any) -> Any:
        return super().correct(batch).sum()


class TrainsInCorrect(Good):
    def correct(self, batch: Any) -> Any:
        self.model.train()
        return super().correct(batch)


def declare(**changes: Any) -> Trainer:
    return Trainer(**{"name": "toy", "summary": "a toy", "target": Good, **changes})


def test_the_good_one_passes() -> None:
    for modality in ("image", "text", None):
        check_trainer(Good, declare(modality=modality))


@pytest.mark.parametrize(
    ("broken", "check", "message"),
    [
        (HidesTheModel, kit.check_holds_model, "does not hold"),
        (lambda model: print, kit.check_holds_model, "expected a torch.nn.Module"),
        (Freezes, kit.check_holds_model, "are frozen"),
        (Thaws, kit.check_holds_model, "are frozen"),
        (NoLoss, kit.check_losses, "'loss' among them"),
        (Numbered, kit.check_losses, "names that are strings"),
        (Bare, kit.check_losses, "losses by name"),
        (Rows, kit.check_losses, "scalar tensors"),
        (NotANumber, kit.check_losses, "NaN"),
        (Detached, kit.check_losses, "differentiating"),
        (LeavesGradients, kit.check_leaves_model, "grad of"),
        (StaysInEvaluation, kit.check_leaves_model, "training mode"),
        (WritesIntoItsInputs, kit.check_leaves_model, "changes its inputs"),
        (DrawsGlobally, kit.check_trainer_no_global_randomness, "global"),
        (Counts, kit.check_trainer_repeatable, "same batch and keys"),
        (CountsFromTheThirdStep, kit.check_trainer_continues, "state dict leaves out"),
        (ClimbsAtHeart, kit.check_learns, "took the loss from"),
        (CountsCorrect, kit.check_correct, "expected correct as"),
        (FailsOnSmallImages, kit.check_inputs_asked, "check_inputs.*AssertionError"),
        (FreezesWhenAsked, kit.check_inputs_asked, "requires_grad"),
        (TrainsInCorrect, kit.check_correct, "training mode"),
    ],
)
def test_each_clause_notices_who_breaks_it(broken: Callable[[nn.Module], nn.Module], check: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(broken, declare(), (3, 8, 8))
    check(Good, declare(), (3, 8, 8))
