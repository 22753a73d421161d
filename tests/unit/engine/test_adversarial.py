"""The evaluator believes no attack: norm, bounds and success are its own findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustkit import AttackResult, Keys, ThreatModel
from robustkit.engine.adversarial import Assault, attack_samples, perturbation_norm
from robustkit.engine.classifier import Classifier
from robustkit.engine.normalize import parse_normalize
from robustkit.errors import PluginError

EPS = 0.1
THREAT = ThreatModel(norm="linf", eps=EPS)
INPUTS = torch.tensor([0.3, 0.45, 0.7]).view(3, 1, 1, 1)
LABELS = torch.tensor([0, 0, 0])  # the last one is wrong already


class Threshold(nn.Module):
    """Class 1 above one half."""

    def forward(self, images: Tensor) -> Tensor:
        margin = images.flatten(1) - 0.5
        return torch.cat([-margin, margin], dim=1)


MODEL = Classifier(Threshold(), parse_normalize("none"))


class Toy:
    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        self.change = change
        self.seen: list[int] = []

    def run(self, model: Any, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys) -> AttackResult:
        self.seen = keys.ids.tolist()
        counts = torch.full((len(inputs),), 2)
        return AttackResult(
            candidates=self.change(inputs),
            best_loss=counts.float(),
            queries=counts,
            forwards=counts,
            backwards=counts,
        )


def attack(change: Callable[[Tensor], Tensor], toy: Toy | None = None) -> Any:
    keys = Keys(seed=0, stream="t/toy", version=1, ids=torch.tensor([10, 11, 12]))
    found = attack_samples(
        Assault(attack=toy or Toy(change), name="t/toy", threat_model=THREAT, batch_size=2), MODEL, INPUTS, LABELS, keys
    )
    return found.inputs, found.columns


def test_only_samples_that_are_right_are_attacked() -> None:
    toy = Toy(lambda x: x)
    inputs, columns = attack(lambda x: x, toy)
    assert toy.seen == [10, 11]
    assert columns["broken_by"].tolist() == ["", "", "clean"]
    assert columns["queries"].tolist() == [2, 2, 0]
    assert torch.equal(inputs, INPUTS)


def test_candidates_and_their_norms_are_taken_over() -> None:
    inputs, columns = attack(lambda x: (x + EPS).clamp(0, 1))
    assert inputs.flatten().tolist() == pytest.approx([0.4, 0.55, 0.7])
    assert columns["norm"].tolist() == pytest.approx([EPS, EPS, 0.0])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: (x + 1.01 * EPS).clamp(0, 1),
        lambda x: x - 0.5,
        lambda x: x * float("nan"),
        lambda x: x[:1],
        lambda x: x.double(),
    ],
    ids=["too far", "out of bounds", "nan", "shape", "dtype"],
)
def test_a_candidate_outside_the_threat_model_is_an_error(change: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(PluginError, match="t/toy"):
        attack(change)


def test_the_model_is_frozen() -> None:
    assert not any(parameter.requires_grad for parameter in MODEL.parameters())
    assert not any(module.training for module in MODEL.modules())


def test_norms_by_hand() -> None:
    change = torch.tensor([[3.0, -4.0]])
    assert perturbation_norm(change, "linf").tolist() == [4.0]
    assert perturbation_norm(change, "l2").tolist() == [5.0]
    with pytest.raises(PluginError, match="l7"):
        perturbation_norm(change, "l7")


class Meddler(Toy):
    """Does to the model whatever an attack should not."""

    def run(self, model: Any, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys) -> AttackResult:
        model.train()
        model.mean.fill_(3)
        model.requires_grad_(True)
        model(inputs).sum().backward()
        for parameter in model.parameters():
            parameter.data.add_(1)
        model.net = nn.Identity()
        object.__setattr__(threat_model, "eps", 1.0)
        labels.zero_()
        return super().run(model, inputs, labels, threat_model, keys)


def test_nothing_that_an_attack_does_to_the_model_or_its_arguments_reaches_the_evaluator() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2), nn.BatchNorm1d(2))
    model = Classifier(network, parse_normalize("none"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mean = model.mean.clone()
    labels = model(INPUTS).argmax(dim=1)
    kept, threat_model = labels.clone(), ThreatModel(norm="linf", eps=EPS)
    keys = Keys(seed=0, stream="t/toy", version=1, ids=torch.arange(3))
    attack_samples(
        Assault(attack=Meddler(lambda x: x), name="t/meddler", threat_model=threat_model, batch_size=3),
        model,
        INPUTS,
        labels,
        keys,
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.mean, mean)
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())
    assert threat_model.eps == EPS
    assert torch.equal(labels, kept)


class Coarse(nn.Module):
    """Class 1 where a large number and a small one add up to more than 256; bfloat16 rounds the small one away."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 2)
        self.line.weight.data = torch.tensor([[0.0], [1.0]])
        self.line.bias.data = torch.tensor([256.2, 256.0])

    def forward(self, images: Tensor) -> Tensor:
        return self.line(images.flatten(1)).float()  # type: ignore[no-any-return]


def test_what_is_broken_in_lower_precision_only_is_attacked_again() -> None:
    """In bfloat16 256.2 and 256.1 are both 256, and a tie goes to class 0; so class 1 looks broken there at once."""
    model = Classifier(Coarse(), parse_normalize("none"))
    inputs, labels = torch.tensor([0.6, 0.9]).view(2, 1, 1, 1), torch.tensor([1, 1])
    seen: list[tuple[Any, list[int]]] = []

    class Watching(Toy):
        def run(self, model: Any, inputs: Tensor, labels: Tensor, threat_model: Any, keys: Keys) -> AttackResult:
            seen.append((model.autocast, keys.ids.tolist()))
            return super().run(model, inputs, labels, threat_model, keys)

    keys = Keys(seed=0, stream="t/toy", version=1, ids=torch.tensor([10, 11]))
    setup = Assault(attack=Watching(lambda x: x - 0.05), name="t/toy", threat_model=THREAT, batch_size=1, search="bf16")
    found = attack_samples(setup, model, inputs, labels, keys)
    assert seen == [(torch.bfloat16, [10, 11]), (None, [10, 11])]
    # The second search starts from the inputs, and its costs are added.
    assert found.columns["norm"].tolist() == pytest.approx([0.05, 0.05])
    assert found.columns["queries"].tolist() == [4, 4]
    assert model.autocast is None


def searched_in(search: Any, own: torch.dtype | None) -> list[torch.dtype | None]:
    """Return the precisions in which an attack is let loose on a model that computes in its own."""
    seen = []

    class Watching(Toy):
        def run(self, model: Any, inputs: Tensor, labels: Tensor, threat_model: Any, keys: Keys) -> AttackResult:
            seen.append(model.autocast)
            return super().run(model, inputs, labels, threat_model, keys)

    keys = Keys(seed=0, stream="t/toy", version=1, ids=torch.tensor([10]))
    attack = Watching(lambda inputs: inputs + 0.08)
    setup = Assault(attack=attack, name="t/toy", threat_model=THREAT, batch_size=1, search=search)
    model = Classifier(Coarse(), parse_normalize("none"), autocast=own)
    attack_samples(setup, model, torch.tensor([[[[0.15]]]]), torch.tensor([0]), keys)
    return seen


def test_a_search_has_the_precision_of_the_run_where_none_is_given() -> None:
    assert searched_in(None, None) == [None]
    assert searched_in(None, torch.bfloat16) == [torch.bfloat16]


def test_a_search_in_float32_is_one_under_a_run_in_bfloat16_too() -> None:
    """Float32 sees class 1 at 0.23. To bfloat16 it is class 0 still: the search of the run's own precision follows."""
    assert searched_in("fp32", torch.bfloat16) == [None, torch.bfloat16]


def test_an_ensemble_says_which_member_found_a_candidate() -> None:
    class Ensemble(Toy):
        def run(self, model: Any, inputs: Tensor, labels: Tensor, threat_model: Any, keys: Keys) -> AttackResult:
            return replace(super().run(model, inputs, labels, threat_model, keys), found_by=("second", ""))

    setup = Assault(attack=Ensemble(lambda x: x), name="t/toy", threat_model=THREAT, batch_size=3)
    keys = Keys(seed=0, stream="t/toy", version=1, ids=torch.tensor([10, 11, 12]))
    assert attack_samples(setup, MODEL, INPUTS, LABELS, keys).credit.tolist() == ["t/toy@second", "t/toy", "t/toy"]
