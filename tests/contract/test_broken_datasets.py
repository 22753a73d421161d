"""The kit notices every way in which a dataset of images can break the contract."""

import hashlib
import random

import numpy as np
import pytest
import torch

from robustkit import Dataset, View
from robustkit.testing import DATASET_CHECKS, check_dataset
from robustkit.testing import dataset as kit

PIXELS = np.random.default_rng(0).integers(256, size=(20, 9, 7, 3), dtype=np.uint8)
LABELS = np.arange(20) % 4


def declare(**changes):
    return Dataset(**{"name": "toy", "summary": "a toy", "target": Good, **changes})


class Good:
    """Twenty small images that keep every clause; the broken ones below change one thing."""

    view = View(channels=3, height=9, width=7)
    class_names = ("a", "b", "c", "d")

    def __init__(self):
        self.images = np.ascontiguousarray(PIXELS.transpose(0, 3, 1, 2))
        self.labels = LABELS.astype(np.int64)

    def read(self, ids):
        return self.images[ids]

    def fingerprint(self):
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()


class ShortLabels(Good):
    def __init__(self):
        super().__init__()
        self.labels = LABELS.astype(np.int32)


class ListedLabels(Good):
    def __init__(self):
        super().__init__()
        self.labels = LABELS.tolist()


class OneHotLabels(Good):
    def __init__(self):
        super().__init__()
        self.labels = np.eye(4, dtype=np.int64)[LABELS]


class UnknownLabels(Good):
    def __init__(self):
        super().__init__()
        self.labels = LABELS.astype(np.int64) - 1


class Empty(Good):
    def __init__(self):
        super().__init__()
        self.labels = self.labels[:0]


class TooFewNames(Good):
    class_names = ("a", "b", "c")


class NamesByNumber(Good):
    class_names = (0, 1, 2, 3)


class ChannelsLast(Good):
    def read(self, ids):
        return super().read(ids).transpose(0, 2, 3, 1)


class AnotherView(Good):
    view = View(channels=3, height=7, width=9)


class ViewAsATuple(Good):
    view = (3, 9, 7)


class DropsTheBatchOfOne(Good):
    def read(self, ids):
        return super().read(ids)[0] if len(ids) == 1 else super().read(ids)


class Doubles(Good):
    def read(self, ids):
        return super().read(ids) / 255


class UnscaledFloats(Good):
    def read(self, ids):
        return super().read(ids).astype(np.float32)


class NotANumber(Good):
    def read(self, ids):
        return super().read(ids).astype(np.float32) * np.float32(np.nan)


class Tensors(Good):
    def read(self, ids):
        return torch.from_numpy(super().read(ids))


class ChangesItsDtype(Good):
    def read(self, ids):
        images = super().read(ids)
        return images if len(ids) > 1 else (images / 255).astype(np.float32)


class OffByOne(Good):
    def read(self, ids):
        return super().read(ids + 1)


class SortsTheIds(Good):
    def read(self, ids):
        return super().read(np.sort(ids))


class SortsTheCallersIds(Good):
    def read(self, ids):
        ids.sort()
        return super().read(ids)


class ScalesByTheBatch(Good):
    def read(self, ids):
        images = super().read(ids)
        return (images / images.max(initial=1) * 255).astype(np.uint8) if len(ids) > 1 else images // 2


class Augments(Good):
    calls = 0

    def read(self, ids):
        self.calls += 1
        return np.roll(super().read(ids), self.calls, axis=3)


class ShufflesWhenOpened(Good):
    opened = 0

    def __init__(self):
        super().__init__()
        ShufflesWhenOpened.opened += 1
        self.images = np.roll(self.images, self.opened, axis=0)


class ShufflesLabelsWhenOpened(Good):
    opened = 0

    def __init__(self):
        super().__init__()
        ShufflesLabelsWhenOpened.opened += 1
        self.labels = np.roll(self.labels, self.opened)


class HandsOutItsOwn(Good):
    def __init__(self):
        super().__init__()
        self.images, self.labels = self.images[:5], self.labels[:5]

    def read(self, ids):
        return self.images[int(ids.min()) : int(ids.max()) + 1]


class CachesWhatItReads(Good):
    cache = {}  # noqa: RUF012 - shared by all objects on purpose

    def read(self, ids):
        return self.cache.setdefault(ids.tobytes(), super().read(ids))


class ReadOnly(CachesWhatItReads):
    cache = {}  # noqa: RUF012 - shared by all objects on purpose

    def read(self, ids):
        images = super().read(ids)
        images.flags.writeable = False
        return images


class ShortFingerprint(Good):
    def fingerprint(self):
        return super().fingerprint()[:12]


class PrefixedFingerprint(Good):
    def fingerprint(self):
        return "sha256:" + super().fingerprint()


class FingerprintOfTheObject(Good):
    def fingerprint(self):
        return hashlib.sha256(str(id(self)).encode()).hexdigest()


class FingerprintOfWhatWasRead(Good):
    def read(self, ids):
        self.seen = ids
        return super().read(ids)

    def fingerprint(self):
        return hashlib.sha256(str(getattr(self, "seen", "")).encode()).hexdigest()


class CropsFromNumpy(Good):
    def read(self, ids):
        return np.roll(super().read(ids), np.random.randint(3), axis=3)


class FlipsFromRandom(Good):
    def read(self, ids):
        return super().read(ids)[..., :: random.choice([-1, 1])]


class DrawsFromTorchWhenOpened(Good):
    def __init__(self):
        super().__init__()
        self.order = torch.randperm(20)


class ReadsTheGlobalSeed(Good):
    def read(self, ids):
        return super().read(ids) + np.uint8(torch.initial_seed() == 20_011)


BROKEN = [
    (ShortLabels, kit.check_labels, r"\(n,\) int64 array .* \(20,\) int32"),
    (ListedLabels, kit.check_labels, r"\(n,\) int64 array .* a list"),
    (OneHotLabels, kit.check_labels, r"\(n,\) int64 array .* \(20, 4\)"),
    (Empty, kit.check_labels, "n >= 1"),
    (UnknownLabels, kit.check_labels, "expected labels of 0 or more, got -1"),
    (TooFewNames, kit.check_class_names, r"3 class names do not cover the labels 0\.\.3"),
    (NamesByNumber, kit.check_class_names, "non-empty strings"),
    (ViewAsATuple, kit.check_read_form, "expected a robustkit.View"),
    (ChannelsLast, kit.check_read_form, r"array of shape \(16, 3, 9, 7\).*\(16, 9, 7, 3\)"),
    (AnotherView, kit.check_read_form, r"array of shape \(16, 3, 7, 9\)"),
    (DropsTheBatchOfOne, kit.check_read_form, r"array of shape \(1, 3, 9, 7\).*\(3, 9, 7\)"),
    (Doubles, kit.check_read_form, "uint8 or float32.*float64"),
    (Tensors, kit.check_read_form, "got a Tensor"),
    (UnscaledFloats, kit.check_read_form, r"float images leave \[0, 1\]"),
    (NotANumber, kit.check_read_form, r"float images leave \[0, 1\]"),
    (ChangesItsDtype, kit.check_read_form, "the dtype changes from read to read"),
    (OffByOne, kit.check_read_form, "reading the ids .* raises IndexError"),
    (SortsTheIds, kit.check_ids_order, "in the order of the ids"),
    (SortsTheCallersIds, kit.check_ids_order, "read changes the ids"),
    (ScalesByTheBatch, kit.check_read_alone, "sample 0 on its own differs"),
    (Augments, kit.check_read_repeatable, "other samples the second time"),
    (ShufflesWhenOpened, kit.check_read_repeatable, "other samples the second time"),
    (ShufflesLabelsWhenOpened, kit.check_read_repeatable, "the labels change"),
    (HandsOutItsOwn, kit.check_samples_are_copies, "writing into the samples that were read changes the dataset"),
    (CachesWhatItReads, kit.check_samples_are_copies, "writing into the samples that were read changes the dataset"),
    (ShortFingerprint, kit.check_fingerprint, "expected a fingerprint of 64 hex digits"),
    (PrefixedFingerprint, kit.check_fingerprint, "expected a fingerprint of 64 hex digits"),
    (FingerprintOfTheObject, kit.check_fingerprint, "another one in a new object"),
    (FingerprintOfWhatWasRead, kit.check_fingerprint, "another one after reading"),
    (CropsFromNumpy, kit.check_dataset_no_global_randomness, r"global generator: numpy\.random;"),
    (FlipsFromRandom, kit.check_dataset_no_global_randomness, "global generator: random;"),
    (DrawsFromTorchWhenOpened, kit.check_dataset_no_global_randomness, "global generator: torch;"),
    (ReadsTheGlobalSeed, kit.check_dataset_no_global_randomness, "depends on a global"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_dataset_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare())


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == set(DATASET_CHECKS)


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
def test_a_good_dataset_passes(check):
    check(Good, declare())


def test_images_that_cannot_be_written_into_may_be_shared():
    check_dataset(ReadOnly, declare())


def test_a_dataset_of_one_image_passes():
    class One(Good):
        class_names = ()

        def __init__(self):
            super().__init__()
            self.images, self.labels = self.images[:1], self.labels[:1]

    check_dataset(One, declare())


def test_the_kit_undoes_what_it_wrote_into_a_shared_array():
    with pytest.raises(AssertionError):
        kit.check_samples_are_copies(CachesWhatItReads, declare())
    ids = np.arange(20)[kit._spread(CachesWhatItReads())]
    assert np.array_equal(CachesWhatItReads().read(ids), Good().read(ids))


def test_checking_one_by_one_or_all_together_is_the_same():
    check_dataset(Good, declare())
    with pytest.raises(AssertionError, match="order of the ids"):
        check_dataset(SortsTheIds, declare())
