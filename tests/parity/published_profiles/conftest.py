"""Oracles for the programs that made the published sets, and the comparison of a corruption with one.

Each oracle computes one image, (H, W, C) uint8, in numpy, scipy, scikit-image, OpenCV and Pillow, from the description
of the corruption in Hendrycks and Dietterich (2019) and from what their scripts (github.com/hendrycks/robustness,
ImageNet-C/create_c) were observed to do. It gets its random numbers from the keys that the corruption under test gets.
"""

from importlib import import_module

import cv2
import numpy as np
import pytest
import scipy.ndimage
import torch

import robustkit
import robustkit_corruptions
from robustkit_corruptions.params import CorruptionParams

TARGETS = {declared.name: declared.target for declared in robustkit_corruptions.robustkit_perturbations()}
SIDES = {"cifar": 32, "tiny-imagenet": 64, "imagenet": 224, "inception": 299}


@pytest.fixture(params=SIDES)
def profile(request):
    """A published set."""
    return request.param


@pytest.fixture
def native(profile):
    """Return how many images to compare, and their shape: (C, H, W) of the published set."""
    side = SIDES[profile]
    return {32: 8, 64: 4, 224: 2, 299: 1}[side], (3, side, side)


@pytest.fixture
def build():
    """Return a function that makes a corruption by its name, with its parameters."""

    def build(name, **params):
        module, attribute = TARGETS[name].split(":")
        return getattr(import_module(module), attribute)(CorruptionParams(**params))

    return build


@pytest.fixture
def pictures():
    """Return a function that makes (n, H, W, C) uint8 images: clouds, noise, and clouds with flat black and white."""

    def draw(n, shape):
        channels, height, width = shape
        rng = np.random.default_rng(height)
        images = rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)
        for index, image in enumerate(images):
            if index % 3 == 1:
                continue
            coarse = rng.uniform(-60, 315, (height // 4, width // 4, channels)).astype(np.float32)
            image[:] = cv2.resize(coarse, (width, height)).reshape(image.shape).clip(0, 255)
            if index % 3 == 2:
                image[: height // 3] = image[0, 0]
                image[:, : width // 4], image[:, -width // 5 :] = 255, 0
        return images

    return draw


@pytest.fixture
def compare(build, pictures):
    """Return a function that returns a corruption's result beside an oracle's, both (n, H, W, C) uint8."""

    def compare(name, oracle, severity, n, shape, profile, mode="reference"):
        corruption, images = build(name, profile=profile, mode=mode), pictures(n, shape)
        keys = robustkit.Keys(seed=4, stream="parity", version=1, ids=torch.arange(n))
        draws = corruption.sample(keys, shape, torch.full((n,), severity, dtype=torch.float64))
        ours = corruption.apply(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), draws)
        constants = corruption.constants.at(profile, severity)
        expected = [oracle(image, constants, keys.rows([row])) for row, image in enumerate(images)]
        return ours.numpy().transpose(0, 2, 3, 1), np.stack(expected)

    return compare


@pytest.fixture
def enlarged():
    """Return a function: the middle of a (H, W, C) array enlarged to the array's size by scipy, the rest trimmed."""

    def enlarge(image, factor):
        inner = [int(np.ceil(side / factor)) for side in image.shape[:2]]
        top, left = ((side - small) // 2 for side, small in zip(image.shape, inner, strict=False))
        middle = image[top : top + inner[0], left : left + inner[1]]
        large = scipy.ndimage.zoom(middle, (factor, factor, 1), order=1)
        top, left = ((big - side) // 2 for big, side in zip(large.shape[:2], image.shape, strict=False))
        return large[top : top + image.shape[0], left : left + image.shape[1]]

    return enlarge


@pytest.fixture
def smeared():
    """Return a function: an array of levels averaged along a line as ImageMagick 6.9.7 with 16-bit quanta does it."""

    def smear(levels, radius, sigma, degrees):
        """Gather the taps of every pixel; the sum is rounded to single precision after each."""
        taps = np.arange(2 * radius + 1)
        weights = np.exp(-(taps**2) / (2 * sigma**2))
        rows, columns = np.indices(levels.shape[:2])
        total = np.zeros(levels.shape, dtype=np.float32)
        for tap, weight in enumerate(weights / weights.sum()):
            down = int(np.ceil(tap * np.sin(np.radians(degrees)) - 0.5))
            right = int(np.ceil(tap * np.cos(np.radians(degrees)) - 0.5))
            at = (rows + down).clip(0, levels.shape[0] - 1), (columns + right).clip(0, levels.shape[1] - 1)
            total = (total + weight * (257.0 * levels[at])).astype(np.float32)
        quanta = (total + np.float32(0.5)).astype(np.uint16)
        return ((quanta.astype(np.uint32) + 128) // 257).astype(np.uint8)

    return smear
