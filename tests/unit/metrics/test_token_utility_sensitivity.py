"""Words of texts, for a model whose answers are known."""

from __future__ import annotations

import pytest
import torch

from robustkit import ConfigError
from robustkit_metrics.contextual.params import TokenUtilitySensitivityParams
from robustkit_metrics.contextual.token_utility_sensitivity import TokenUtilitySensitivity

WORTH = {"good": 2.0, "fine": 1.0, "bad": -2.0, "poor": -1.0}
TEXTS = ["a good and fine film", "bad", "not bad just poor", "so so", "good bad"]
LABELS = torch.tensor([1, 0, 0, 1, 1])


class Bag(torch.nn.Module):
    """Two logits from the worth of the words; reads the first `max_length` characters."""

    def __init__(self, max_length=100):
        super().__init__()
        self.max_length = max_length
        self.scores = torch.nn.Identity()

    def forward(self, texts):
        worth = [sum(WORTH.get(word, 0.1) for word in text[: self.max_length].split()) for text in texts]
        return self.scores(torch.tensor([[1.0, each] for each in worth]))


PARAMS = TokenUtilitySensitivityParams()


def measure(make_batch, texts=TEXTS, labels=LABELS, params=PARAMS, model=None):
    return TokenUtilitySensitivity(params).measure(make_batch(model or Bag(), texts, labels))


def test_useful_words_are_the_sensitive_ones(make_batch):
    found = measure(make_batch)
    assert found["rank-correlation"][0] == pytest.approx(1)
    assert found["sensitivity-mass"].shape == (5,)


def test_relative_sensitivity_is_known_by_hand(make_batch):
    # "good bad": logits (1, 0); without a word (1, -2) and (1, 2): both change by 2 from a length of 1.
    found = measure(make_batch)
    assert found["s-low"][4] + found["s-high"][4] == pytest.approx(4)


def test_a_single_word_is_undefined_and_counted(make_batch):
    metric = TokenUtilitySensitivity(PARAMS)
    found = metric.estimate([measure(make_batch)])
    assert found["s-high"].n == 4
    assert found["s-high"].note == (
        "undefined for 1 of 5 samples, which are left out: the text has fewer than two words, or the "
        "representation has the length 0"
    )
    # In "so so" and "good bad" both words do the same: no ranks.
    assert found["rank-correlation"].n == 2


def test_batches_do_not_matter(make_batch):
    metric = TokenUtilitySensitivity(PARAMS)
    whole = metric.estimate([measure(make_batch)])
    parts = metric.estimate(
        [metric.merge([measure(make_batch, TEXTS[:2], LABELS[:2])]), measure(make_batch, TEXTS[2:], LABELS[2:])]
    )
    assert whole == parts


def test_masking_asks_about_other_texts(make_batch):
    params = TokenUtilitySensitivityParams(perturb="mask", replacement="good")
    assert measure(make_batch, params=params)["s-high"][0] != measure(make_batch)["s-high"][0]


def test_masking_needs_a_replacement(make_batch):
    with pytest.raises(ConfigError, match="needs a replacement"):
        measure(make_batch, params=TokenUtilitySensitivityParams(perturb="mask"))


def test_words_behind_the_end_of_reading_do_not_count(make_batch):
    short = measure(make_batch, ["good bad fine poor"], LABELS[:1], model=Bag(max_length=8))
    # "good bad" scores 0; "bad fine" scores -1, "good fin" 2.1, and matters more.
    assert (short["s-low"][0], short["s-high"][0]) == pytest.approx((1, 2.1))
    whole = measure(make_batch, ["good bad fine poor"], LABELS[:1])
    assert whole["s-high"][0] != pytest.approx(2.1)


def test_a_layer_may_be_the_representation(make_batch):
    found = measure(make_batch, params=TokenUtilitySensitivityParams(layer="scores"))
    assert found["s-high"] == pytest.approx(measure(make_batch)["s-high"], nan_ok=True)
