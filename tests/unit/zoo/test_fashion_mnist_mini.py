from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from robustkit_zoo.assets import ASSETS
from robustkit_zoo.fashion_mnist_mini import FashionMnistMini
from robustkit_zoo.params import FashionMnistMiniParams

FOLDER = ASSETS / "fashion-mnist-mini"
SIZES = {"train": 10_000, "test": 2_000}
FILES = {"train": "train", "test": "t10k"}


@pytest.mark.parametrize("split", SIZES)
def test_a_split_is_balanced_grey_and_has_names(split):
    data = FashionMnistMini(FashionMnistMiniParams(split=split))
    assert np.bincount(data.labels).tolist() == [SIZES[split] // 10] * 10
    assert data.labels.dtype == np.int64
    assert data.view.shape == (1, 28, 28)
    assert len(data.class_names) == 10
    pixels = data.read(np.array([5, 0]))
    assert (pixels.shape, pixels.dtype) == ((2, 1, 28, 28), np.uint8)


def test_test_is_the_default_split():
    assert len(FashionMnistMini(FashionMnistMiniParams()).labels) == 2_000


def test_the_splits_have_different_fingerprints_that_do_not_change():
    prints = [
        FashionMnistMini(FashionMnistMiniParams(split=split)).fingerprint() for split in ("train", "test", "test")
    ]
    assert prints[1] == prints[2] != prints[0]


def test_an_unknown_split_is_refused():
    with pytest.raises(ValidationError, match="'train' or 'test'"):
        TypeAdapter(FashionMnistMiniParams).validate_python({"split": "validation"})


def test_the_files_are_those_that_the_readme_states():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    packed = sorted(FOLDER.glob("*.gz"))
    assert len(packed) == 4
    for path in packed:
        assert f"| `{hashlib.sha256(path.read_bytes()).hexdigest()}` | `{path.name}` |" in readme


def test_the_files_stay_small_and_carry_neither_name_nor_time():
    packed = sorted(FOLDER.glob("*.gz"))
    assert sum(path.stat().st_size for path in packed) <= 6_000_000
    for path in packed:
        header = path.read_bytes()[:8]
        assert header == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # RFC 1952: flags 0 (no name), mtime 0


@pytest.mark.shared
@pytest.mark.parametrize("split", SIZES)
def test_a_split_is_the_first_of_each_class_of_the_original(shared, split):
    with gzip.open(shared / "fashion-mnist" / f"{FILES[split]}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 784)
    with gzip.open(shared / "fashion-mnist" / f"{FILES[split]}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    data = FashionMnistMini(FashionMnistMiniParams(split=split))
    ours = data.read(np.arange(len(data.labels))).reshape(-1, 784)
    rank = np.eye(10, dtype=int)[labels].cumsum(axis=0)[np.arange(len(labels)), labels]  # 1 for a class's first image
    kept = rank <= SIZES[split] // 10
    assert np.array_equal(ours, images[kept])
    assert np.array_equal(data.labels, labels[kept])
