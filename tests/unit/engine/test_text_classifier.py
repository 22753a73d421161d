"""The classifier of texts that is evaluated."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from robustkit.engine.features import capture_features
from robustkit.engine.text_classifier import TextClassifier, probe_texts
from robustkit.errors import DataError
from robustkit_zoo.char_cnn import CharCnn
from robustkit_zoo.params import CharCnnParams

TEXTS = [f"{'a short text, ' * (n % 9)}number {n}" for n in range(200)]


class Counts(nn.Module):
    """Its logits are the lengths of a text and of what is cut off from it, as a network may see them."""

    max_length = 5

    def __init__(self, wrap=lambda logits: logits) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(0.5)
        self.wrap = wrap

    def encode(self, texts):
        return torch.tensor([[len(text[:5]), 7] for text in texts], dtype=torch.float32)

    def forward(self, encoded):
        return self.wrap(self.dropout(encoded * self.scale))


@pytest.fixture(scope="module")
def char_cnn():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TextClassifier(CharCnn(CharCnnParams()))


def test_it_is_frozen_in_evaluation_mode():
    net = Counts().train()
    classifier = TextClassifier(net)
    assert not net.training
    assert not net.scale.requires_grad
    assert torch.equal(classifier(["ab", "abcdefg"]), torch.tensor([[2.0, 7.0], [5.0, 7.0]]))
    assert list(classifier.state_dict()) == ["net.scale"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: (logits, logits[0]),
        lambda logits: {"logits": logits, "hidden": logits},
        lambda logits: SimpleNamespace(logits=logits.double()),
    ],
)
def test_logits_are_found_in_what_the_network_returns(wrap):
    logits = TextClassifier(Counts(wrap))(["ab"])
    assert logits.dtype == torch.float32
    assert logits.tolist() == [[2.0, 7.0]]


def test_it_counts_the_texts_that_are_cut_off():
    assert TextClassifier(Counts()).truncated(["abcde", "abcdef", "ééééé", "e\u0301eeee"]) == 2


# Kernels of one thread, of two and of more add up alike, as long as a batch has at least two rows.
@pytest.mark.parametrize("size", [1, 7, 64, 200])
def test_the_logits_of_a_text_do_not_depend_on_its_batch(char_cnn, size):
    with torch.inference_mode():
        whole = char_cnn(TEXTS)
        parts = torch.cat([char_cnn(TEXTS[start : start + size]) for start in range(0, len(TEXTS), size)])
    assert torch.equal(parts, whole)


def test_the_logits_of_a_text_do_not_depend_on_its_neighbours(char_cnn):
    with torch.inference_mode():
        whole = char_cnn(TEXTS)
        other = char_cnn([*TEXTS[:7], "x" * 500, "\x00", *reversed(TEXTS)])
    assert torch.equal(other[:7], whole[:7])
    assert torch.equal(other[9:].flip(0), whole)


def test_features_have_one_row_a_text_also_for_a_single_one(char_cnn):
    for texts in (TEXTS[:1], TEXTS[:3]):
        with torch.no_grad(), capture_features(char_cnn, ["conv1", "linear"]) as found:
            logits = char_cnn(texts)
        assert {name: len(values) for name, values in found.items()} == {"conv1": len(texts), "linear": len(texts)}
        assert torch.allclose(found["linear"], logits, atol=1e-5)


def test_autocast_leaves_float32_logits():
    classifier = TextClassifier(CharCnn(CharCnnParams()), autocast=torch.bfloat16)
    with torch.no_grad():
        low, full = classifier(TEXTS[:3]), TextClassifier(classifier.net)(TEXTS[:3])
    assert low.dtype == torch.float32
    assert not torch.equal(low, full)
    assert torch.allclose(low, full, atol=0.02)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encode": None}, "Counts has no method encode"),
        ({"max_length": None}, "max_length of Counts as an integer of 1 or more, got None"),
        ({"max_length": 0}, "got 0"),
        ({"max_length": 5.0}, r"got 5\.0"),
        ({"max_length": True}, "got True"),
    ],
)
def test_a_network_that_does_not_read_texts_is_refused(change, reason):
    net = Counts()
    for name, value in change.items():
        setattr(net, name, value)
    with pytest.raises(DataError, match=reason) as caught:
        TextClassifier(net)
    assert "robustkit.TextNetwork" in caught.value.hint


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ("one string", "at least one text, got a str"),
        ([], r"got a list of 0 \(empty\)"),
        (["a", b"b"], r"got a list of 2 \(bytes, str\)"),
        (torch.zeros(2, 3), r"got torch.float32 of shape \(2, 3\)"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, reason):
    with pytest.raises(DataError, match=reason):
        TextClassifier(Counts())(texts)


@pytest.mark.parametrize(
    ("wrap", "reason"),
    [
        (lambda logits: logits.sum(1), r"expected \(N, classes\) logits for 2 texts, got .* of shape \(2,\)"),
        (lambda logits: logits[:1], r"logits for 2 texts, got .* of shape \(1, 2\)"),
        (lambda logits: logits.unsqueeze(2), r"of shape \(2, 2, 1\)"),
        (lambda logits: logits * 1j, "complex"),
        (lambda logits: "spam", "expected logits from the model, got str"),
    ],
)
def test_what_is_not_logits_is_refused(wrap, reason):
    with pytest.raises(DataError, match=reason):
        TextClassifier(Counts(wrap))(["a", "b"])


@pytest.mark.parametrize("encoded", [[[1.0, 2.0]], torch.zeros(1, 2), torch.zeros(())])
def test_an_encoding_of_another_form_is_refused(encoded):
    net = Counts()
    net.encode = lambda texts: encoded
    with pytest.raises(DataError, match="a row for each of 2 texts from the model's encode"):
        TextClassifier(net)(["a", "b"])


def test_the_probe_counts_the_classes(char_cnn):
    assert probe_texts(char_cnn) == 8
    assert probe_texts(TextClassifier(Counts())) == 2


@pytest.mark.parametrize(
    ("wrap", "reason"),
    [
        (lambda logits: logits * torch.nan, "returns NaN on two short texts"),
        (lambda logits: logits[:, :1], "at least two logits a text, got 1"),
        (lambda logits: logits @ torch.zeros(3, 3), "the model fails on two short texts: mat1"),
        (lambda logits: logits[:1], "expected .* logits for 2 texts"),
    ],
)
def test_the_probe_refuses_a_network_that_cannot_be_evaluated(wrap, reason):
    with pytest.raises(DataError, match=reason) as caught:
        probe_texts(TextClassifier(Counts(wrap)))
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.gpu
def test_it_follows_its_device():
    classifier = TextClassifier(CharCnn(CharCnnParams()))
    with torch.no_grad():
        expected = classifier(TEXTS[:3])
        found = classifier.to("cuda")(TEXTS[:3])
    assert found.device.type == "cuda"
    assert torch.allclose(found.cpu(), expected, atol=1e-3)
