"""Every first-party attack keeps the contract, and the kit notices every way to break it."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from robustkit import Attack, AttackResult
from robustkit.host import load_host
from robustkit.testing import ATTACK_CHECKS, check_attack
from robustkit.testing import attack as kit

HOST = load_host()
# Those of other libraries have tests of their own: tests/unit/peers.
ENTRIES = [
    entry
    for entry in HOST.catalog.all("attack")
    if entry.component.modality == "image" and "peer" not in entry.component.tags
]
SHAPE = (1, 4, 4)


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_attacks_keep_the_contract(entry, check):
    check(lambda: HOST.build(entry, {}), entry.component, (3, 8, 8))


@pytest.mark.parametrize("shape", [(2, 5, 9)])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_attacks_keep_the_contract_at_other_sizes(entry, shape):
    check_attack(lambda: HOST.build(entry, {}), entry.component, shape=shape)


def test_the_first_party_attacks_are_found():
    assert {"attacks/fgsm", "attacks/pgd", "attacks/standard"} <= {
        each.qualified for each in ENTRIES if each.first_party
    }


def declare(**changes):
    return Attack(**{"name": "toy", "summary": "a toy", "target": Good, "stochastic": False, **changes})


class Good:
    """A step of 0.999 eps that keeps every clause; the broken ones below change one thing."""

    def run(self, model, inputs, labels, threat_model, keys):
        gradient = self.gradient(model, inputs, labels)
        candidates = self.move(inputs, self.step(gradient, keys), threat_model)
        with torch.no_grad():
            loss = functional.cross_entropy(model(candidates), labels, reduction="none")
        two = torch.full((len(inputs),), 2)
        return AttackResult(candidates=candidates, best_loss=loss, queries=two, forwards=two, backwards=two - 1)

    def gradient(self, model, inputs, labels):
        points = inputs.clone().requires_grad_()
        loss = functional.cross_entropy(model(points), labels, reduction="sum")
        return torch.autograd.grad(loss, points)[0]

    def step(self, gradient, keys):
        return gradient.sign()

    def move(self, inputs, step, threat_model):
        return (inputs + 0.999 * threat_model.eps * step).clamp(threat_model.low, threat_model.high)


class LeavesTheBall(Good):
    def step(self, gradient, keys):
        return 1.01 * gradient.sign()


class LeavesTheBallALittle(Good):
    def step(self, gradient, keys):
        return (1 + 2e-5) / 0.999 * gradient.sign()


class LeavesTheBounds(Good):
    def move(self, inputs, step, threat_model):
        return inputs + 0.999 * threat_model.eps * step


class NotANumber(Good):
    def step(self, gradient, keys):
        return gradient * torch.nan


class MovesWithoutRoom(Good):
    def move(self, inputs, step, threat_model):
        return (inputs + 1e-4 * step).clamp(0, 1)


class ReturnsDouble(Good):
    def move(self, inputs, step, threat_model):
        return super().move(inputs.double(), step, threat_model).double()

    def run(self, model, inputs, labels, threat_model, keys):
        result = super().run(model.double(), inputs.double(), labels, threat_model, keys)
        model.float()
        return result


class CountsInFloats(Good):
    def run(self, *arguments):
        result = super().run(*arguments)
        return replace(result, forwards=result.forwards.float())


class LosesItsLoss(Good):
    def run(self, *arguments):
        result = super().run(*arguments)
        return replace(result, best_loss=result.best_loss * torch.nan)


class WritesIntoItsInput(Good):
    def move(self, inputs, step, threat_model):
        return inputs.copy_(super().move(inputs, step, threat_model))


class LeavesRequiresGrad(Good):
    def gradient(self, model, inputs, labels):
        inputs.requires_grad_()
        return super().gradient(model, inputs.detach(), labels)

    def move(self, inputs, step, threat_model):
        return super().move(inputs.detach(), step, threat_model)


class LeavesParameterGradients(Good):
    def gradient(self, model, inputs, labels):
        points = inputs.clone().requires_grad_()
        functional.cross_entropy(model(points), labels, reduction="sum").backward()
        return points.grad


class LeavesTrainingMode(Good):
    def run(self, model, *arguments):
        result = super().run(model, *arguments)
        model.train()
        return result


class MovesRunningStatistics(Good):
    def gradient(self, model, inputs, labels):
        model.train()
        gradient = super().gradient(model, inputs, labels)
        model.eval()
        return gradient


class FreezesParameters(Good):
    def run(self, model, *arguments):
        return super().run(model.requires_grad_(False), *arguments)


class DrawsFromTorch(Good):
    def step(self, gradient, keys):
        return gradient.sign() * torch.rand(1)


class ReadsTheGlobalSeed(Good):
    def step(self, gradient, keys):
        return gradient.sign() * (0.5 if torch.initial_seed() == 20_011 else 1)


class Remembers(Good):
    calls = 0

    def step(self, gradient, keys):
        self.calls += 1
        return gradient.sign() / self.calls


class DrawsFromKeys(Good):
    def step(self, gradient, keys):
        return gradient.sign() * keys.uniform(*gradient.shape[1:]).float()


class LooksAtTheBatch(Good):
    def step(self, gradient, keys):
        return gradient.sign() / len(gradient)


class MissesAForwardPass(Good):
    def run(self, *arguments):
        result = super().run(*arguments)
        return replace(result, forwards=result.forwards - 1)


class CountsNoQueries(Good):
    def run(self, *arguments):
        result = super().run(*arguments)
        return replace(result, queries=result.queries * 0)


class CountsTooManyBackwardPasses(Good):
    def run(self, *arguments):
        result = super().run(*arguments)
        return replace(result, backwards=result.backwards + 5)


class CountsNegativeBackwardPasses(Good):
    def run(self, *arguments):
        result = super().run(*arguments)
        return replace(result, backwards=result.backwards - 5)


class Descends(Good):
    def step(self, gradient, keys):
        return -gradient.sign()


BROKEN = [
    (LeavesTheBall, kit.check_inside_threat_model, "away from its input"),
    (LeavesTheBallALittle, kit.check_inside_threat_model, "away from its input"),
    (LeavesTheBounds, kit.check_inside_threat_model, "leaves the bounds"),
    (NotANumber, kit.check_inside_threat_model, "nan away"),
    (MovesWithoutRoom, kit.check_no_room, "eps=0 changes"),
    (ReturnsDouble, kit.check_attack_result_form, "expected candidates"),
    (CountsInFloats, kit.check_attack_result_form, "expected forwards"),
    (LosesItsLoss, kit.check_attack_result_form, "best_loss must be"),
    (WritesIntoItsInput, kit.check_inputs_unchanged, "changes its inputs"),
    (LeavesRequiresGrad, kit.check_inputs_unchanged, "changes its inputs"),
    (LeavesParameterGradients, kit.check_model_unchanged, "grad of 'first'"),
    (LeavesTrainingMode, kit.check_model_unchanged, "training mode of 'norm'"),
    (MovesRunningStatistics, kit.check_model_unchanged, r"buffer 'norm\.running_mean'"),
    (FreezesParameters, kit.check_model_unchanged, "requires_grad of 'first'"),
    (DrawsFromTorch, kit.check_attack_no_global_randomness, "global generator: torch;"),
    (ReadsTheGlobalSeed, kit.check_attack_no_global_randomness, "depends on a global"),
    (Remembers, kit.check_attack_repeatable, "the second time"),
    (DrawsFromKeys, kit.check_attack_randomness_declared, "declared stochastic=False"),
    (LooksAtTheBatch, kit.check_attack_batch_independence, "reach another loss"),
    (MissesAForwardPass, kit.check_counts, "counts 6 forward passes, the model saw 12"),
    (CountsNoQueries, kit.check_counts, "counts no query"),
    (CountsTooManyBackwardPasses, kit.check_counts, "more backward than forward"),
    (CountsNegativeBackwardPasses, kit.check_counts, "below 0"),
    (Descends, kit.check_raises_loss, "does not raise the loss"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_attack_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare(), SHAPE)


def test_a_gradient_that_was_not_declared_is_noticed():
    with pytest.raises(AssertionError, match="goes backward, but declares no gradient"):
        kit.check_counts(Good, declare(needs=frozenset()), SHAPE)


def test_declared_randomness_that_is_not_there_is_noticed():
    with pytest.raises(AssertionError, match="declared stochastic=True, but draws from 0 streams"):
        kit.check_attack_randomness_declared(Good, declare(stochastic=True), SHAPE)


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == set(ATTACK_CHECKS)


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
def test_a_good_attack_passes(check):
    check(Good, declare(), SHAPE)


def test_checking_one_by_one_or_all_together_is_the_same():
    check_attack(Good, declare(), shape=SHAPE)
    with pytest.raises(AssertionError, match="away from its input"):
        check_attack(LeavesTheBall, declare(), shape=SHAPE)
