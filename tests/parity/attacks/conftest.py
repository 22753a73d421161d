"""The models and samples of `references.json`, and which of them an attack breaks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from robustkit import Keys, ThreatModel, load_host
from robustkit_zoo.assets import ASSETS
from robustkit_zoo.fashion_mnist_mini import FashionMnistMini
from robustkit_zoo.params import FashionMnistMiniParams, SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn

STORED = json.loads(Path(__file__).with_name("references.json").read_text("utf8"))
SEEDS = (0, 1, 2)
HOST = load_host()


class Scaled(nn.Module):
    """A network with its logits multiplied."""

    def __init__(self, net: nn.Module, factor: float) -> None:
        super().__init__()
        self.net = net
        self.factor = factor

    def forward(self, inputs):
        return self.factor * self.net(inputs)


@dataclass(frozen=True)
class Problem:
    """A model and the samples that it gets right."""

    model: nn.Module
    ids: torch.Tensor
    inputs: torch.Tensor
    labels: torch.Tensor


@cache
def load_problem(name: str) -> Problem:
    settings = STORED["models"][name]
    file = ASSETS / "checkpoints" / f"{settings['checkpoint']}.safetensors"
    assert sha256(file.read_bytes()).hexdigest() == settings["sha256"], "the checkpoint is another: run the script anew"
    net = SmallCnn(SmallCnnParams())
    net.load_state_dict(load_file(file))
    model = Scaled(net, settings["logits_times"]).eval().requires_grad_(False)
    data, ids = FashionMnistMini(FashionMnistMiniParams()), np.array(settings["right"])
    inputs, labels = torch.from_numpy(data.read(ids)).float() / 255, torch.from_numpy(data.labels[ids])
    # What rounds the other way on another machine is no sample of the comparison there.
    right = model(inputs).argmax(1) == labels
    assert int((~right).sum()) <= 1
    return Problem(model, torch.from_numpy(ids)[right], inputs[right], labels[right])


@cache
def _broken(component: str, params: str, norm: str, model: str, seed: int) -> frozenset[int]:
    problem, entry = load_problem(model), HOST.catalog.find("attack", component)
    threat_model = ThreatModel(norm=norm, eps=STORED["models"][model]["eps"][norm])
    keys = Keys(seed=seed, stream=entry.qualified, version=entry.component.stream_version, ids=problem.ids)
    attack = HOST.build(entry, json.loads(params))
    found = attack.run(problem.model, problem.inputs.clone(), problem.labels, threat_model, keys).candidates
    return frozenset(problem.ids[_verified(problem, found, threat_model)].tolist())


def _verified(problem: Problem, found: torch.Tensor, threat_model: ThreatModel) -> torch.Tensor:
    change = (found.double() - problem.inputs.double()).flatten(1)
    norm = change.abs().amax(1) if threat_model.norm == "linf" else change.square().sum(1).sqrt()
    assert float(norm.max()) <= threat_model.eps * (1 + 1e-6) + 1e-7
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    return problem.model(found).argmax(1) != problem.labels


@pytest.fixture(scope="session")
def stored():
    """The content of references.json."""
    return STORED


@pytest.fixture(scope="session")
def problem():
    """Return a function from the name of a model to the model and its samples."""
    return load_problem


@pytest.fixture(scope="session")
def broken():
    """Return a function that says which samples an attack breaks under each seed, each of them verified."""

    def run(component, params, norm, model):
        return [_broken(component, json.dumps(params, sort_keys=True), norm, model, seed) for seed in SEEDS]

    return run


@pytest.fixture(scope="session")
def reference():
    """Return a function that says which samples a stored reference breaks under each seed."""

    def find(attack, norm, model):
        rows = [row for row in STORED["rows"] if (row["attack"], row["norm"], row["model"]) == (attack, norm, model)]
        rows.sort(key=lambda row: row["seed"])
        assert [row["seed"] for row in rows] == list(SEEDS), "run scripts/reference_attacks.py"
        here = set(load_problem(model).ids.tolist())
        return [frozenset(row["broken"]) & here for row in rows]

    return find
