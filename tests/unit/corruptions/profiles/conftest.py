from importlib import import_module

import pytest
import torch

import robustkit_corruptions
from robustkit_corruptions.params import CorruptionParams

TARGETS = {declared.name: declared.target for declared in robustkit_corruptions.robustkit_perturbations()}


@pytest.fixture
def make():
    """Return a function that makes a corruption by its name, with its parameters."""

    def make(name, **params):
        module, attribute = TARGETS[name].split(":")
        return getattr(import_module(module), attribute)(CorruptionParams(**params))

    return make


@pytest.fixture
def degraded(make, make_keys):
    """Return a function that degrades images, with their positions as ids unless given."""

    def degraded(name, images, severity, ids=None, **params):
        corruption = make(name, **params)
        severities = torch.as_tensor(severity, dtype=torch.float64).expand(len(images))
        keys = make_keys(range(len(images)) if ids is None else ids)
        return corruption.apply(images, corruption.sample(keys, tuple(images.shape[1:]), severities))

    return degraded
