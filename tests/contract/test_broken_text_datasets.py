"""The kit notices every way in which a dataset of texts can break the contract."""

import hashlib
import random

import numpy as np
import pytest

from robustkit import Dataset, View
from robustkit.testing import DATASET_CHECKS, check_dataset
from robustkit.testing import dataset as kit

LABELS = np.arange(20) % 4


def declare(**changes):
    return Dataset(**{"name": "toy", "summary": "a toy", "target": GoodTexts, **changes})


class GoodTexts:
    """Twenty texts that keep every clause; the broken ones below change one thing."""

    class_names = ("a", "b", "c", "d")

    def __init__(self):
        self.texts = [f"text {number}" for number in range(20)]
        self.labels = LABELS.astype(np.int64)

    def read(self, ids):
        return [self.texts[number] for number in ids]

    def fingerprint(self):
        return hashlib.sha256("".join(self.texts).encode() + self.labels.tobytes()).hexdigest()


class TextsWithAView(GoodTexts):
    view = View(channels=3, height=9, width=7)


class BytesForTexts(GoodTexts):
    def read(self, ids):
        return [text.encode() for text in super().read(ids)]


class ArrayOfTexts(GoodTexts):
    def read(self, ids):
        return np.array(super().read(ids))


class OneTextForAll(GoodTexts):
    def read(self, ids):
        return super().read(ids[:1])


class AnEmptyText(GoodTexts):
    def read(self, ids):
        return [text if text != "text 0" else "" for text in super().read(ids)]


class SortsTexts(GoodTexts):
    def read(self, ids):
        return sorted(super().read(ids))


class LowersSingleTexts(GoodTexts):
    def read(self, ids):
        return super().read(ids) if len(ids) > 1 else ["?"]


class AugmentsTexts(GoodTexts):
    calls = 0

    def read(self, ids):
        self.calls += 1
        return [text + "." * (self.calls // 2) for text in super().read(ids)]


class HandsOutItsList(GoodTexts):
    cache = {}  # noqa: RUF012 - shared by all objects on purpose

    def read(self, ids):
        return self.cache.setdefault(ids.tobytes(), super().read(ids))


class DropsWordsAtRandom(GoodTexts):
    def read(self, ids):
        return [text[random.randrange(2) :] for text in super().read(ids)]


BROKEN_TEXTS = [
    (TextsWithAView, kit.check_read_form, "texts have no view"),
    (BytesForTexts, kit.check_read_form, "expected a list of 16 strings, got a list of 16 bytes"),
    (ArrayOfTexts, kit.check_read_form, "expected a list of 16 strings, got .*<U7"),
    (OneTextForAll, kit.check_read_form, "expected a list of 16 strings, got a list of 1 str"),
    (AnEmptyText, kit.check_read_form, "not empty"),
    (SortsTexts, kit.check_ids_order, "in the order of the ids"),
    (LowersSingleTexts, kit.check_read_alone, "sample 0 on its own differs"),
    (AugmentsTexts, kit.check_read_repeatable, "other samples the second time"),
    (HandsOutItsList, kit.check_samples_are_copies, "writing into the samples that were read"),
    (DropsWordsAtRandom, kit.check_dataset_no_global_randomness, "global generator: random;"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN_TEXTS, ids=[toy.__name__ for toy, _, _ in BROKEN_TEXTS])
def test_a_broken_dataset_of_texts_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare(modality="text"))


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
def test_a_good_dataset_of_texts_passes(check):
    check(GoodTexts, declare(modality="text"))


def test_texts_that_are_declared_as_images_are_noticed():
    with pytest.raises(AssertionError, match=r"expected a robustkit\.View, got None"):
        check_dataset(GoodTexts, declare())
