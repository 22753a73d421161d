"""Every first-party architecture keeps the contract, and the kit notices every way to break it."""

import random
from typing import Annotated

import numpy as np
import pytest
import torch
from annotated_types import Ge
from torch import nn

import robustkit
from robustkit import Model
from robustkit.host import load_host
from robustkit.testing import MODEL_CHECKS, check_model
from robustkit.testing import model as kit

HOST = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all("model") if entry.first_party]
SHAPE = (2, 4, 4)


def factory_of(entry, **always):
    return lambda **chosen: HOST.build(entry, {**always, **chosen})


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_models_keep_the_contract(entry, check):
    check(factory_of(entry), entry.component, kit.typical_shape(entry.component))


@pytest.mark.parametrize(
    ("name", "params", "shape"),
    [
        ("zoo/resnet20-cifar", {"in_channels": 1}, (1, 28, 28)),
        ("zoo/small-cnn", {"in_channels": 3, "width": 4}, (3, 21, 33)),
        ("zoo/mlp", {"in_shape": (3, 8, 8), "hidden": ()}, (3, 8, 8)),
        ("zoo/char-cnn", {"max_length": 30, "width": 8}, None),
    ],
)
def test_first_party_models_keep_the_contract_with_other_parameters(name, params, shape):
    entry = HOST.catalog.find("model", name)
    check_model(factory_of(entry, **params), entry.component, shape=shape)


def test_the_first_party_models_are_found():
    assert {"zoo/mlp", "zoo/resnet20-cifar", "zoo/char-cnn"} <= {entry.qualified for entry in ENTRIES}


@robustkit.params
class ToyParams:
    num_classes: Annotated[int, Ge(1)] = 3
    in_shape: tuple[int, int, int] = SHAPE


@robustkit.params
class GreyParams:
    in_channels: int = 1


def declare(**changes):
    return Model(**{"name": "toy", "summary": "a toy", "target": Good, "params": ToyParams, **changes})


class Good(nn.Module):
    """A small classifier that keeps every clause; the broken ones below change one thing."""

    def __init__(self, num_classes=3):
        super().__init__()
        self.first = nn.Linear(32, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(8, num_classes)

    def forward(self, inputs):
        return self.last(self.drop(torch.tanh(self.norm(self.first(inputs.flatten(1))))))


class NotAModule:
    def __init__(self, num_classes=3):
        pass


class WantsMore(Good):
    def __init__(self, width):
        super().__init__()


class WrongShape(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        self.first = nn.Linear(31, 8)


class ReturnsATuple(Good):
    def forward(self, inputs):
        return super().forward(inputs), None


class DropsTheBatchOfOne(Good):
    def forward(self, inputs):
        return super().forward(inputs).squeeze(0)


class ReturnsClasses(Good):
    def forward(self, inputs):
        return super().forward(inputs).round().long()


class NotANumber(Good):
    def forward(self, inputs):
        return super().forward(inputs) * torch.nan


class TenClassesAlways(Good):
    def __init__(self, num_classes=3):
        super().__init__(10)


class ForgetsAScale(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        self.scale = torch.rand(num_classes)

    def forward(self, inputs):
        return super().forward(inputs) * self.scale


class ForgetsABuffer(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        self.register_buffer("scale", torch.rand(num_classes), persistent=False)

    def forward(self, inputs):
        return super().forward(inputs) * self.scale


class SavesAnObject(Good):
    def get_extra_state(self):
        return {"who": Good}

    def set_extra_state(self, state):
        pass


class RandomNames(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        self.add_module(f"layer{torch.randint(1000, ())}", nn.Linear(1, 1))


class CentresTheBatch(Good):
    def forward(self, inputs):
        return super().forward(inputs - inputs.mean())


class DetachesItsInput(Good):
    def forward(self, inputs):
        return super().forward(inputs.detach())


class Rounds(Good):
    def forward(self, inputs):
        return super().forward(inputs.round())


class InfiniteSlope(Good):
    def forward(self, inputs):
        return super().forward((inputs - inputs).sqrt() + inputs)


class WritesIntoItsInput(Good):
    def forward(self, inputs):
        return super().forward(inputs if inputs.requires_grad else inputs.clamp_(-1, 1))


class LearnsAllTheTime(Good):
    def forward(self, inputs):
        self.norm.train()
        return super().forward(inputs)


class Remembers(Good):
    calls = 0

    def forward(self, inputs):
        self.calls += 1
        return super().forward(inputs) + self.calls


class DropsOutAlways(Good):
    def forward(self, inputs):
        return super().forward(nn.functional.dropout(inputs, 0.5))


class NoiseFromNumpy(Good):
    def forward(self, inputs):
        return super().forward(inputs + 0.1 * float(np.random.rand()))


class ReadsTheGlobalSeed(Good):
    def forward(self, inputs):
        return super().forward(inputs) + (torch.initial_seed() == 20_011)


class WeightsFromNumpy(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        nn.init.constant_(self.last.bias, float(np.random.rand()))


class WeightsFromRandom(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        nn.init.constant_(self.last.bias, random.random())


class WeightsFromNowhere(Good):
    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        nn.init.constant_(self.last.bias, np.random.default_rng().random())


class SeedsItself(Good):
    def __init__(self, num_classes=3):
        torch.manual_seed(0)
        super().__init__(num_classes)


BROKEN = [
    (NotAModule, kit.check_logits, "expected a torch.nn.Module, got NotAModule"),
    (WantsMore, kit.check_logits, "building raises TypeError: .*'width'"),
    (WrongShape, kit.check_logits, r"on \(4, 2, 4, 4\) raises RuntimeError"),
    (ReturnsATuple, kit.check_logits, "expected a tensor of logits, got tuple"),
    (DropsTheBatchOfOne, kit.check_logits, r"expected \(1, K\) float logits .* for 1 inputs, got \(\(3,\)"),
    (ReturnsClasses, kit.check_logits, "float logits .* torch.int64"),
    (NotANumber, kit.check_logits, "the logits hold NaN"),
    (TenClassesAlways, kit.check_num_classes, r"num_classes=2 gives logits of shape \(4, 10\)"),
    (ForgetsAScale, kit.check_state_dict, "leaves out what the logits depend on"),
    (ForgetsABuffer, kit.check_state_dict, "leaves out what the logits depend on"),
    (SavesAnObject, kit.check_state_dict, "to a file and back raises UnpicklingError"),
    (RandomNames, kit.check_state_dict, "to a file and back raises RuntimeError"),
    (CentresTheBatch, kit.check_model_batch_independence, "sample 0 has other logits on its own"),
    (DetachesItsInput, kit.check_input_gradient, "differentiating the logits by the input raises RuntimeError"),
    (Rounds, kit.check_input_gradient, "is 0 for a whole sample"),
    (InfiniteSlope, kit.check_input_gradient, "holds NaN or infinite"),
    (WritesIntoItsInput, kit.check_forward_changes_nothing, "changes its inputs"),
    (LearnsAllTheTime, kit.check_forward_changes_nothing, "changes the model: .*'norm.running_mean'"),
    (Remembers, kit.check_forward_changes_nothing, "other logits the second time"),
    (DropsOutAlways, kit.check_model_no_global_randomness, "global generator: torch;"),
    (NoiseFromNumpy, kit.check_model_no_global_randomness, r"global generator: numpy\.random;"),
    (ReadsTheGlobalSeed, kit.check_model_no_global_randomness, "depends on a global"),
    (WeightsFromNumpy, kit.check_seeded_build, r"global generator: numpy\.random; draw initial weights"),
    (WeightsFromRandom, kit.check_seeded_build, "global generator: random; draw initial weights"),
    (WeightsFromNowhere, kit.check_seeded_build, "other initial weights the second time"),
    (SeedsItself, kit.check_seeded_build, "building seeds torch's global generator"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_model_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare(), SHAPE)


class GoodText(Good):
    """A small classifier of texts that keeps every clause; the broken ones below change one thing."""

    max_length = 32

    def encode(self, texts):
        padded = [text[: self.max_length].ljust(self.max_length, "\0") for text in texts]
        return torch.tensor([[ord(character) for character in text] for text in padded])

    def forward(self, encoded):
        return super().forward(encoded.remainder(7).float())


class CannotEncode(GoodText):
    encode = None


class CountsInFloats(GoodText):
    max_length = 32.0


class PadsToTheLongest(GoodText):
    def encode(self, texts):
        longest = min(32, max(map(len, texts)))
        return super().encode(texts)[:, :longest]


class LooksAtTheBatch(GoodText):
    def encode(self, texts):
        return super().encode(texts) + len(texts)


class ReadsTheEnd(GoodText):
    def encode(self, texts):
        return super().encode([text[-32:] for text in texts])


class EncodesToLists(GoodText):
    def encode(self, texts):
        return super().encode(texts).tolist()


class EncodesAsciiOnly(GoodText):
    def encode(self, texts):
        return super().encode([text.encode("ascii").decode() for text in texts])


class SortsItsTexts(GoodText):
    def encode(self, texts):
        if isinstance(texts, list):
            texts.sort(key=len)
        return super().encode(texts)


class TextTuple(GoodText):
    def forward(self, encoded):
        return super().forward(encoded), None


BROKEN_TEXT = [
    (CannotEncode, kit.check_encode, "encoding 24 texts raises TypeError"),
    (CountsInFloats, kit.check_encode, "expected max_length as an integer"),
    (PadsToTheLongest, kit.check_encode, "is another one beside other texts"),
    (LooksAtTheBatch, kit.check_encode, "is another one beside other texts"),
    (ReadsTheEnd, kit.check_encode, "what lies behind max_length = 32 changes the row"),
    (EncodesToLists, kit.check_encode, "expected a tensor of 24 rows from encode"),
    (EncodesAsciiOnly, kit.check_encode, "encoding 24 texts raises UnicodeEncodeError"),
    (SortsItsTexts, kit.check_encode, "encode changes the list"),
    (TextTuple, kit.check_logits, "expected a tensor of logits, got tuple"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN_TEXT, ids=[toy.__name__ for toy, _, _ in BROKEN_TEXT])
def test_a_broken_text_model_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare(modality="text"), SHAPE)


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
def test_a_good_text_model_passes(check):
    check(GoodText, declare(modality="text"), SHAPE)


def test_a_text_model_without_a_limit_passes():
    class ReadsAll(GoodText):
        max_length = 10**15

        def encode(self, texts):
            return torch.tensor([[len(text) * (place + 1) for place in range(32)] for text in texts])

    kit.check_encode(ReadsAll, declare(modality="text"), SHAPE)


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN + BROKEN_TEXT} == set(MODEL_CHECKS)


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
def test_a_good_model_passes(check):
    check(Good, declare(), SHAPE)


def test_without_the_parameter_the_number_of_classes_is_free():
    kit.check_num_classes(TenClassesAlways, declare(params=robustkit.NoParams), SHAPE)


def test_the_typical_input_follows_the_parameters():
    assert kit.typical_shape(declare()) == SHAPE
    assert kit.typical_shape(declare(params=GreyParams)) == (1, 32, 32)
    assert kit.typical_shape(declare(params=robustkit.NoParams)) == (3, 32, 32)


def test_checking_one_by_one_or_all_together_is_the_same():
    check_model(Good, declare())
    with pytest.raises(AssertionError, match="changes its inputs"):
        check_model(WritesIntoItsInput, declare())


def test_the_kit_puts_the_global_generators_back():
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    check_model(Good, declare())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]
