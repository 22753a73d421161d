from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

from robustkit.config.shorthand import parse_shorthand
from robustkit_zoo.assets import ASSETS
from robustkit_zoo.fashion_mnist_mini import FashionMnistMini
from robustkit_zoo.params import FashionMnistMiniParams, SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn

FOLDER = ASSETS / "checkpoints"
CONFIGURATIONS = Path(__file__).resolve().parents[3] / "scripts" / "bundled"
METHODS = ["standard", "fcl", "pgd-at"]
NAMES = [f"fashion-cnn-{method}-seed{seed}" for method in METHODS for seed in range(3)]
TEXT = "debian-char-cnn-seed0"
ROW = re.compile(r"^\| `(?P<name>[\w-]+)\.safetensors` \| (?P<clean>\d+) of 2,000 .*\| (?P<pgd>\d+) of 2,000 ", re.M)


@pytest.fixture(scope="module")
def data():
    test = FashionMnistMini(FashionMnistMiniParams(split="test"))
    return torch.from_numpy(test.read(np.arange(2000))).float() / 255, torch.tensor(test.labels)


@pytest.fixture(scope="module")
def stated():
    """How many of 2,000 images the README says are right: name -> (clean, under PGD-20)."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    return {row["name"]: (int(row["clean"]), int(row["pgd"])) for row in ROW.finditer(readme)}


def load(name):
    model = SmallCnn(SmallCnnParams()).eval()
    model.load_state_dict(load_file(FOLDER / f"{name}.safetensors"))
    return model


def right(model, images, labels):
    with torch.no_grad():
        return int((model(images).argmax(1) == labels).sum())


def ascend(model, images, labels, steps, size):
    """Signed gradient ascent of the loss in the Linf ball of 0.1, from the images themselves."""
    found = images.clone()
    for _ in range(steps):
        found.requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(found), labels), found)
        found = torch.clamp(found.detach() + size * gradient.sign(), images - 0.1, images + 0.1).clamp(0, 1)
    return found


def test_the_readme_states_numbers_for_each(stated):
    assert sorted(stated) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_clean_accuracy_is_as_stated(data, stated, name):
    # Other processors may round differently, and so turn a few images that sit on a decision boundary.
    assert right(load(name), *data) == pytest.approx(stated[name][0], abs=4)


@pytest.mark.parametrize("name", NAMES)
def test_robust_accuracy_is_about_as_stated(data, stated, name):
    model, images, labels = load(name), *(each[:200] for each in data)
    share = right(model, ascend(model, images, labels, steps=20, size=0.0125), labels) / 200
    # 200 images of 2,000: three standard errors are at most .1.
    assert share == pytest.approx(stated[name][1] / 2000, abs=0.1)


def test_only_adversarial_training_gives_robustness(stated):
    for seed in range(3):
        standard, fcl, adversarial = (stated[f"fashion-cnn-{method}-seed{seed}"] for method in METHODS)
        assert standard[0] > adversarial[0]
        assert max(standard[1], fcl[1]) < 0.05 * 2000
        assert adversarial[1] > 0.5 * 2000


@pytest.mark.parametrize("name", [*NAMES, TEXT])
def test_a_file_says_what_it_holds_and_stays_small_and_unchanged(name):
    path = FOLDER / f"{name}.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    training = json.loads(metadata["robustkit.training"])
    assert metadata["robustkit.model"].startswith("zoo/")
    assert training["seed"] == int(name[-1])
    assert ("after Kim et al. 2021" in training["caveat"]) == ("fcl" in name)
    assert len(json.loads(metadata["robustkit.classes"])) == (8 if name == TEXT else 10)
    assert path.stat().st_size < 1_000_000
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"| `{digest}` | `{path.name}` |" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*NAMES, TEXT])
def test_it_was_trained_as_the_committed_configuration_says(name):
    with safe_open(FOLDER / f"{name}.safetensors", framework="pt") as file:
        trained = json.loads(file.metadata()["robustkit.training"])
    stem = name.removeprefix("fashion-cnn-").removeprefix("debian-").rpartition("-")[0]
    config = tomllib.loads((CONFIGURATIONS / f"{stem}.toml").read_text("utf8"))
    asked = parse_shorthand(trained["trainer"])
    assert asked.pop("name") == config["trainer"].pop("name")
    for key, value in config["trainer"].items():
        assert asked[key.replace("_", "-")] == value
    assert (trained["group"], trained["epochs"]) == (config["group"], config["epochs"])
    assert trained["data"].startswith(config["data"])
