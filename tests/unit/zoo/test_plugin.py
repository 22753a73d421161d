from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import torch

import robustkit_zoo
from robustkit import names

MODELS = {model.name: model for model in robustkit_zoo.robustkit_models()}
DATASETS = {dataset.name: dataset for dataset in robustkit_zoo.robustkit_datasets()}


def build(component, **given):
    module, attribute = component.target.split(":")
    return getattr(import_module(module), attribute)(component.params(**given))


def test_it_declares_architectures_and_the_bundled_datasets():
    resnets = {f"resnet{depth}-cifar" for depth in (20, 32, 44, 56, 110)}
    assert set(MODELS) == {*resnets, "small-cnn", "mlp", "char-cnn"}
    assert {name for name, model in MODELS.items() if model.modality == "text"} == {"char-cnn"}
    assert {name: dataset.modality for name, dataset in DATASETS.items()} == {
        "fashion-mnist-mini": "image",
        "debian-sections": "text",
    }
    assert all(names.is_valid(name) for name in [*MODELS, *DATASETS])


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.modality == "image"])
def test_every_architecture_for_images_maps_them_to_logits(name):
    model = build(MODELS[name], num_classes=5).eval()
    shape = (1, 28, 28) if name == "mlp" else (MODELS[name].params().in_channels, 16, 16)
    with torch.inference_mode():
        logits = model(torch.zeros(2, *shape))
    assert logits.shape == (2, 5)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", MODELS)
def test_initial_weights_follow_torchs_seed(name):
    states = []
    with torch.random.fork_rng(devices=[]):
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            states.append(torch.cat([p.flatten() for p in build(MODELS[name]).parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_declaring_components_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'scipy', 'pandas', 'pydantic'}"
    code = (
        "import sys, robustkit_zoo; robustkit_zoo.robustkit_models(); robustkit_zoo.robustkit_datasets();"
        f"import robustkit_zoo.assets; print({heavy} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
