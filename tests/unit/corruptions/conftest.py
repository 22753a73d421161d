from importlib import import_module

import numpy as np
import pytest
import torch

import robustkit
import robustkit_corruptions
from robustkit_corruptions.params import CorruptionParams

DECLARED = {declared.name: declared for declared in robustkit_corruptions.robustkit_perturbations()}


@pytest.fixture
def build():
    """Return a function that makes a corruption by its name, with its parameters."""

    def build(name, **params):
        module, attribute = DECLARED[name].target.split(":")
        return getattr(import_module(module), attribute)(CorruptionParams(**params))

    return build


@pytest.fixture
def corrupt(build, make_keys):
    """Return a function that corrupts images, at one severity or at one for each."""

    def corrupt(name, images, severity, seed=0, ids=None, **params):
        corruption = build(name, **params)
        levels = torch.as_tensor(severity, dtype=torch.float64).expand(len(images))
        keys = make_keys(range(len(images)) if ids is None else ids, seed)
        return corruption.apply(images, corruption.sample(keys, tuple(images.shape[1:]), levels))

    return corrupt


@pytest.fixture
def draw_images():
    """Return a function that makes (n, C, H, W) uint8 images: noise, ramps, and flat areas with black and white."""

    def draw(n, shape, seed=0):
        channels, height, width = shape
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, size=(n, *shape), dtype=np.uint8)
        rows, columns = np.mgrid[:height, :width]
        for index in range(0, n, 2):
            for channel in range(channels):
                ramp = 40 * (channel + 1) + 3 * rows + 2 * columns * (index + 1)
                images[index, channel] = ramp % 256
            images[index, :, : height // 3, : width // 2] = 0
            images[index, :, height // 2 :, : width // 4] = 255
            images[index, :, -height // 4 :, -width // 3 :] = rng.integers(0, 256, size=(channels, 1, 1))
        return torch.from_numpy(images)

    return draw


@pytest.fixture
def make_keys():
    def make(ids, seed=0):
        return robustkit.Keys(seed=seed, stream="corruptions/test", version=1, ids=torch.as_tensor(ids))

    return make
