from __future__ import annotations

import unicodedata

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from robustkit_zoo.char_cnn import ALPHABET, CharCnn
from robustkit_zoo.params import CharCnnParams


def build(**given):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CharCnn(CharCnnParams(**given)).eval()


def test_it_has_about_seventy_thousand_parameters():
    # By hand: 321 symbols of 32 numbers; 7*32*64 + 5*64*64 + 3*64*128 weights, 64 + 64 + 128 biases; 128*8 + 8.
    count = sum(p.numel() for p in build().parameters())
    assert count == 321 * 32 + (14_336 + 20_480 + 24_576) + 256 + 1_032 == 70_952


def test_the_alphabet_is_printable_ascii_and_latin_each_once():
    assert len(ALPHABET) == len(set(ALPHABET)) == 319
    assert all(character.isprintable() or character in "\xa0\xad" for character in ALPHABET)
    names = [unicodedata.name(character) for character in ALPHABET if character.isalpha() and character not in "ªºµ"]
    assert all(name.startswith("LATIN") for name in names)


def test_code_points_become_numbers_that_tell_them_apart():
    encoded = build(max_length=6).encode(["aA é", "zzzzzzzz", "你\t", " "])
    assert encoded.dtype == torch.int64
    a, upper, blank, accented, *behind = encoded[0].tolist()
    assert len({a, upper, blank, accented, 0, 1}) == 6
    assert behind == [0, 0]
    assert encoded[1].unique().numel() == 1
    assert encoded[2].tolist() == [1, 1, 0, 0, 0, 0]
    assert encoded[3].tolist() == [blank, 0, 0, 0, 0, 0]
    assert int(encoded.max()) < 321


def test_a_text_is_read_up_to_max_length():
    model = build(max_length=5)
    with torch.no_grad():
        first, second, third = model(model.encode(["abcde", "abcdefgh", "abcdf"]))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_the_logits_do_not_depend_on_max_length():
    short, long = build(max_length=20), build(max_length=300)
    texts = ["a short text", "another, longer one"]
    with torch.no_grad():
        assert torch.allclose(short(short.encode(texts)), long(long.encode(texts)), atol=1e-6)


def test_order_and_case_of_characters_matter():
    model = build()
    with torch.no_grad():
        logits = model(model.encode(["not bad, good", "not good, bad", "Not Bad, Good", "ton dab, doog"]))
    assert torch.cdist(logits, logits)[~torch.eye(4, dtype=torch.bool)].min() > 1e-4


def test_features_are_channels_second_and_0_behind_the_end():
    model = build(max_length=10)
    kept = {}
    for name, child in model.named_children():
        child.register_forward_hook(lambda _m, _i, output, name=name: kept.setdefault(name, output))
    with torch.no_grad():
        model(model.encode(["abc", "abcdefghij"]))
    shapes = {name: tuple(output.shape) for name, output in kept.items()}
    assert shapes == {
        "embedding": (2, 32, 10),
        "conv1": (2, 64, 10),
        "conv2": (2, 64, 10),
        "conv3": (2, 128, 10),
        "pool": (2, 128, 1),
        "linear": (2, 8),
    }
    for name in ("embedding", "conv1", "conv2", "conv3"):
        assert not kept[name][0, :, 3:].any()
        assert kept[name][1, :, 3:].any()


def test_it_is_the_same_in_training_mode():
    model = build()
    encoded = model.encode(["one text", "two"])
    with torch.no_grad():
        assert torch.equal(model.train()(encoded), model.eval()(encoded))


def test_it_learns():
    """Ten steps on four texts: the loss falls by half, so that gradients reach what they should."""
    model = build(num_classes=2, width=16)
    encoded, labels = model.encode(["good film", "bad film", "good day", "bad day"]), torch.tensor([1, 0, 1, 0])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(10):
        losses.append(torch.nn.functional.cross_entropy(model(encoded), labels))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    assert model.embedding.table.weight.grad[0].abs().max() == 0
    assert model.embedding.table.weight.grad.abs().max() > 0


@pytest.mark.parametrize("wrong", [{"width": 0}, {"max_length": 0}, {"num_classes": 0}, {"depth": 3}])
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(CharCnnParams).validate_python(wrong)
