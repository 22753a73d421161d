"""Words left out one by one, against a model whose answers are known by hand."""

from __future__ import annotations

import pytest
import torch

from robustkit import ConfigError, word_effects, word_spans
from robustkit.contextual.tokens import without_word

WORTH = {"good": 2.0, "bad": -3.0, "[MASK]": 0.5}
TEXTS = ["a good  film", "bad", "not bad, but good", "bad bad", "bad"]


def bag(texts):
    """Return (n, 2): the sum of the words' worth, and how many there are."""
    return torch.tensor([[sum(WORTH.get(w.strip(","), 0.0) for w in t.split()), len(t.split())] for t in texts])


def respond(texts, rows):
    representation = bag(texts)
    return representation[:, 0] * (rows + 1), representation


def test_words_are_what_stands_between_white_space():
    text = " Don't  stop—now,\tplease \n"
    assert [text[start:end] for start, end in word_spans(text)] == ["Don't", "stop—now,", "please"]
    assert word_spans(" \t") == word_spans("") == ()


@pytest.mark.parametrize("text", ["a good  film", " lead and trail  ", "x y", "one\ttwo\nthree"])
def test_deleting_leaves_the_other_words_and_no_double_space(text):
    spans, words = word_spans(text), text.split()
    for position in range(len(words)):
        found = without_word(text, spans, position)
        assert found.split() == words[:position] + words[position + 1 :]
        assert len(found) < len(text)


def test_effects_of_each_word_are_known():
    first, alone, third, *_ = word_effects(respond, TEXTS)
    assert [TEXTS[0][start:end] for start, end in first.spans] == ["a", "good", "film"]
    # Row 0: the loss is the worth; without "good" it falls by 2. The representation is (2, 3).
    assert first.utility.tolist() == [0, -2, 0]
    assert first.sensitivity.tolist() == pytest.approx([1 / 13**0.5, 5**0.5 / 13**0.5, 1 / 13**0.5])
    # Row 2 weighs three times: without "bad," the worth rises by 3.
    assert third.utility.tolist() == [0, 9, 0, -6]
    assert alone.spans == ()
    assert alone.utility.shape == alone.sensitivity.shape == (0,)


def test_a_replacement_leaves_something_of_a_single_word():
    effects = word_effects(respond, TEXTS, perturb="mask", replacement="[MASK]")
    assert len(effects[1].spans) == 1
    assert effects[1].utility.tolist() == [2 * 3.5]
    assert effects[0].utility.tolist() == [0.5, -1.5, 0.5]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_results_do_not_depend_on_the_batch(batch_size):
    def watched(texts, rows):
        assert len(texts) == len(rows) <= batch_size
        return respond(texts, rows)

    whole = word_effects(watched, TEXTS, batch_size=batch_size)
    for row, text in enumerate(TEXTS):
        (alone,) = word_effects(lambda t, r, row=row: respond(t, r + row), [text])
        assert alone.spans == whole[row].spans
        assert torch.equal(alone.utility, whole[row].utility)
        assert torch.equal(alone.sensitivity, whole[row].sensitivity)


def test_words_that_the_model_does_not_read_are_left_out():
    (effects,) = word_effects(respond, ["a good film"], max_length=7)
    assert effects.spans == ((0, 1), (2, 6))


def test_a_representation_of_length_zero_has_no_relative_change():
    (effects,) = word_effects(lambda t, r: (bag(t)[:, 0], 0 * bag(t)), ["a good film"])
    assert effects.sensitivity.isnan().all()


def test_no_gradient_is_kept():
    weight = torch.ones(2, requires_grad=True)
    (effects,) = word_effects(lambda t, r: ((bag(t) * weight).sum(1), bag(t) * weight), ["a good film"])
    assert not effects.utility.requires_grad


@pytest.mark.parametrize("replacement", ["", " "])
def test_masking_needs_a_replacement(replacement):
    with pytest.raises(ConfigError, match="needs a replacement"):
        word_effects(respond, TEXTS, perturb="mask", replacement=replacement)
