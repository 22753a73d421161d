"""Reading `--normalize`."""

from __future__ import annotations

import doctest
import gzip
from pathlib import Path

import numpy as np
import pytest

from robustkit.engine import normalize
from robustkit.engine.normalize import Normalization, parse_normalize
from robustkit.errors import ConfigError


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(normalize).failed == 0


# Typed in from the sources named beside the table: timm, openai/CLIP, weiaicunzai/pytorch-cifar100, pytorch/examples.
PUBLISHED = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "mnist": ((0.1307,), (0.3081,)),
    "inception": ((0.5,), (0.5,)),
    "none": ((0.0,), (1.0,)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_give_the_published_constants(name):
    assert parse_normalize(name) == Normalization(*PUBLISHED[name], name)


def test_svhn_is_the_rounded_form_of_the_longer_constants():
    found = parse_normalize("svhn")
    assert found.mean == pytest.approx((0.4376821, 0.4437697, 0.47280442), abs=5e-5)
    assert found.std == pytest.approx((0.19803012, 0.20101562, 0.19703614), abs=5.5e-5)


def _shared(*parts: str) -> Path:
    path = Path(__file__).resolve().parents[3].parent.joinpath("shared", "data", *parts)
    if not path.exists():
        pytest.skip(f"the published data are not at {path}")
    return path


@pytest.mark.shared
def test_fashion_mnist_is_what_its_training_images_give():
    with gzip.open(_shared("fashion-mnist", "train-images-idx3-ubyte.gz")) as file:
        counts = np.bincount(np.frombuffer(file.read()[16:], dtype=np.uint8), minlength=256)
    values = np.arange(256) / 255
    mean = (counts * values).sum() / counts.sum()
    std = np.sqrt((counts * values**2).sum() / counts.sum() - mean**2)
    found = parse_normalize("fashion-mnist")
    assert (found.mean[0], found.std[0]) == pytest.approx((mean, std), abs=5e-5)


@pytest.mark.shared
def test_cifar10_has_the_std_of_the_pixels_and_not_the_mean_std_of_the_images():
    with np.load(_shared("cifar10-jpeg", "test.npz")) as data:
        images = data["images"][:1000] / 255
    found = parse_normalize("cifar10")
    # A sample of JPEG copies: near, not equal. The std of kuangliu/pytorch-cifar, about 0.20, is far outside.
    assert found.mean == pytest.approx(images.mean((0, 1, 2)), abs=0.02)
    assert found.std == pytest.approx(images.std((0, 1, 2)), abs=0.01)
    assert found.std != pytest.approx(images.std((1, 2)).mean(0), abs=0.03)


@pytest.mark.parametrize("text", ["CIFAR10", " cifar10 ", "Fashion_MNIST"])
def test_names_are_compared_as_component_names_are(text):
    assert parse_normalize(text).name in ("cifar10", "fashion-mnist")


def test_numbers_are_read():
    found = parse_normalize("0.485,0.456,0.406/0.229,0.224,0.225")
    assert found == Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "0.485,0.456,0.406/0.229,0.224,0.225")


def test_one_number_is_spread_over_the_other_sides_channels():
    assert parse_normalize("0.4,0.5,0.6/0.25").std == (0.25, 0.25, 0.25)
    assert parse_normalize("0.5/0.5").mean == (0.5,)


def test_the_same_numbers_have_the_same_name():
    assert parse_normalize("0.50 / .5").name == parse_normalize("0.5/0.5").name


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("imagnet", "unknown name 'imagnet'", "did you mean 'imagenet'?"),
        ("zzz", "unknown name 'zzz'", "MEAN/STD"),
        ("0.5", "unknown name '0.5'", "MEAN/STD"),
        ("0.5/0", "std above 0, got 0", "give 1"),
        ("0.5/-0.1", "std above 0, got -0.1", "give 1"),
        ("123.675,116.28,103.53/58.395,57.12,57.375", "got 123.675", "0.485,0.456,0.406/0.229,0.224,0.225"),
        ("0.5,0.5/0.5,0.5,0.5", "2 numbers for the mean but 3 for the std", "one number a channel"),
        ("0.5,x/0.5", "expected numbers for the mean", "MEAN/STD"),
        ("0.5/", "expected numbers for the std", "MEAN/STD"),
        ("nan/1", "finite", "MEAN/STD"),
        ("0.5/inf", "finite", "MEAN/STD"),
        ("0.5/0.5/0.5", "expected numbers for the std", "MEAN/STD"),
        ("", "unknown name ''", "known: none, imagenet"),
    ],
)
def test_what_cannot_be_right_is_refused(text, message, hint):
    with pytest.raises(ConfigError) as caught:
        parse_normalize(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
