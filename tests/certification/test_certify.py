"""The script, and the ids that it found for the published network."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robustkit import ThreatModel
from robustkit.engine.classifier import Classifier
from robustkit.engine.normalize import parse_normalize

STORED = Path(__file__).with_name("fashion-mnist-provable-eps0.1.json")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "certification"
RADIUS = 0.0625


@pytest.fixture
def linear():
    """Return a network of 4 values whose two logits change places at a distance of RADIUS from (0.5, …), in Linf."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).requires_grad_(False)
    weight = torch.tensor([1.0, -2, 4, -1])
    net[1].weight.copy_(torch.stack([weight, torch.zeros(4)]))
    net[1].bias.copy_(torch.tensor([8 * RADIUS - 1.0, 0]))
    return net


@pytest.mark.parametrize(("eps", "expected"), [(0.0, True), (0.99 * RADIUS, True), (1.01 * RADIUS, False)])
@pytest.mark.parametrize("normalize", ["none", "0.25/0.5"])
def test_the_radius_of_a_linear_network(linear, eps, expected, normalize, affine, certify):
    norm = parse_normalize(normalize)
    # The network of the normalised values, so that the classifier stays the same.
    linear[1].bias += linear[1].weight.sum(dim=1) * norm.mean[0]
    linear[1].weight *= norm.std[0]
    classifier = Classifier(linear, norm)
    image = torch.full((1, 2, 2), 0.5)
    assert int(classifier(image[None]).argmax()) == 0
    parts = affine.affine_parts(certify.exact_network(classifier, 1), (1, 2, 2))
    assert certify.is_certified(parts, image, 0, ThreatModel(norm="linf", eps=eps)) is expected
    # What is wrong is never certified.
    assert certify.is_certified(parts, image, 1, ThreatModel(norm="linf", eps=eps)) is False


def test_the_box_ends_where_the_bounds_of_the_values_do(linear, affine, certify):
    # At eps 1 the box is [0, 1]^4, where the first logit is at least 8/16 - 1 - 3 + 10.
    linear[1].bias[0] += 10
    parts = affine.affine_parts(linear.double(), (1, 2, 2))
    assert certify.is_certified(parts, torch.full((1, 2, 2), 0.5), 0, ThreatModel(norm="linf", eps=1.0))


def test_what_float32_may_do_is_not_certified(affine, certify):
    # A difference of 1e-7 between logits of size 1 is lost in float32.
    net = nn.Sequential(nn.Linear(1, 2)).double().requires_grad_(False)
    net[0].weight.zero_()
    net[0].bias.copy_(torch.tensor([1 + 1e-7, 1.0], dtype=torch.float64))
    threat_model = ThreatModel(norm="linf", eps=0.1)
    assert not certify.is_certified(affine.affine_parts(net, (1,)), torch.full((1,), 0.5), 0, threat_model)
    net[0].bias[0] = 1 + 1e-6
    assert certify.is_certified(affine.affine_parts(net, (1,)), torch.full((1,), 0.5), 0, threat_model)


def test_a_network_with_a_normalisation_is_the_same_in_float64(certify):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
        images = torch.rand(5, 3, 4, 4)
    classifier = Classifier(net, parse_normalize("cifar10"))
    exact = certify.exact_network(classifier, 3)(images.double())
    torch.testing.assert_close(classifier(images), exact.float())


@pytest.fixture
def run(certify, monkeypatch, tmp_path):
    """Run the script on 8 images of 2x2 and return its file; `lines` is the source of the network."""

    def call(*extra, layers="nn.Linear(4, 2)", out="out.json"):
        source = f"from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), {layers})\n"
        (tmp_path / "net.py").write_text(source)
        weight = torch.tensor([[1.0, -2, 4, -1], [0, 0, 0, 0]])
        torch.save({"1.weight": weight, "1.bias": torch.tensor([-1.0, 0])}, tmp_path / "net.pt")
        images = np.random.default_rng(0).integers(0, 256, (8, 2, 2), dtype=np.uint8)
        labels = (torch.from_numpy(images).reshape(8, 4).float() / 255 @ weight[0] < 1).long().numpy()
        labels[0] = 1 - labels[0]
        np.savez(tmp_path / "data.npz", images=images, labels=labels)
        options = ["--data", tmp_path / "data.npz", "--model", f"{tmp_path}/net.py:build", "--out", tmp_path / out]
        options += ["--eps", "8/255", "--count", "8", *extra]
        monkeypatch.setattr(sys, "argv", ["certify.py", str(tmp_path / "net.pt"), *map(str, options)])
        certify.main()
        return (tmp_path / out).read_bytes()

    return call


def test_the_script_writes_what_is_certified_and_for_what(run):
    found = json.loads(run())
    assert (found["images"], found["norm"], found["eps"]) == ("0..7", "linf", 8 / 255)
    assert found["correct"] == [1, 2, 3, 4, 5, 6, 7]
    assert set(found["certified"]) <= set(found["correct"])
    assert json.loads(run("--eps", "0"))["certified"] == found["correct"]
    assert json.loads(run("--eps", "1"))["certified"] == []


def test_two_runs_write_the_same_bytes(run):
    assert run(out="first.json") == run(out="second.json")


@pytest.mark.parametrize(
    ("extra", "layers", "message"),
    [
        (["--eps", "2"], "nn.Linear(4, 2)", "--eps: expected a number from 0 to 1, got 2"),
        (["--eps", "big"], "nn.Linear(4, 2)", "--eps: expected a number from 0 to 1, got 'big'"),
        (["--count", "9"], "nn.Linear(4, 2)", "--count: expected 1 to 8 images, got 9"),
        (["--count", "0"], "nn.Linear(4, 2)", "--count: expected 1 to 8 images, got 0"),
        ([], "nn.Linear(4, 2), nn.Tanh()", "expected a chain of Conv2d, Linear, Flatten and ReLU, got Tanh"),
        (["--data", "nowhere"], "nn.Linear(4, 2)", "nowhere"),
    ],
)
def test_a_mistake_is_said_with_a_hint(run, extra, layers, message):
    with pytest.raises(SystemExit) as caught:
        run(*extra, layers=layers)
    assert message in str(caught.value.code)
    assert "\n  hint: " in str(caught.value.code)


@pytest.fixture(scope="module")
def stored():
    return json.loads(STORED.read_text("utf8"))


def test_only_what_is_right_is_certified(stored):
    assert stored["images"] == "0..999"
    for key in ("correct", "certified"):
        assert stored[key] == sorted(set(stored[key]) & set(range(1000)))
    assert set(stored["certified"]) < set(stored["correct"])


@pytest.fixture
def published(shared, certify):
    """The published network and test images, opened as the script opens them."""
    return certify.open_plan(
        argparse.Namespace(
            checkpoint=str(shared / "checkpoints" / "fashion_mnist_provable.pth"),
            model=f"{SCRIPTS / 'wong_kolter.py'}:build",
            normalize="none",
            data=str(shared / "fashion-mnist"),
        )
    )


@pytest.mark.shared
def test_a_fresh_computation_gives_the_stored_ids(stored, published, certify):
    ids = range(7, 1000, 41)
    found = certify.certify(published, 0.1, ids)
    for key in ("norm", "eps", "checkpoint_sha256", "model", "normalize", "data", "data_fingerprint", "method"):
        assert found[key] == stored[key]
    for key in ("correct", "certified"):
        assert found[key] == sorted(set(ids) & set(stored[key]))
    # The sample says something: there are images of all three kinds in it.
    assert 0 < len(found["certified"]) < len(found["correct"]) < len(ids)


AUTHORS = {0: -0.4273961096454485, 1: 1.2239237051929366, 321: -0.008377205869510462}
"""The smallest margins of test images by the authors' code: convex_adversarial 0.4.4 (PyPI) with torch 2.13, in
float64, `RobustBounds(net, 0.1, bounded_input=True)`, which needs no other package."""


def _smallest_margin(published, image_id, affine, linear_bounds, certify):
    (model,), dataset = published.models.values(), published.dataset
    centre = torch.from_numpy(dataset.read(np.array([image_id]))).float().div(255).flatten().double()
    box = (centre - 0.1).clamp(0, 1), (centre + 0.1).clamp(0, 1)
    parts = affine.affine_parts(certify.exact_network(model.classifier, 1), (1, 28, 28))
    label, logits = int(dataset.labels[image_id]), torch.eye(10, dtype=torch.float64)
    rows = (logits[label] - logits)[torch.arange(10) != label]
    return float(linear_bounds.bound(parts, linear_bounds.hidden_bounds(parts, box), box, rows)[0].min())


@pytest.mark.shared
@pytest.mark.parametrize("image_id", AUTHORS)
def test_the_dual_is_that_of_its_authors_code(image_id, published, affine, linear_bounds, certify, monkeypatch):
    interval = linear_bounds.interval

    def of_the_pixels_alone(part, box):
        low, high = interval(part, box)
        return (low, high) if part.shape == (1, 28, 28) else (torch.full_like(low, -1e6), torch.full_like(low, 1e6))

    # Their code bounds every hidden layer by the dual and does not look whether interval arithmetic is better.
    monkeypatch.setattr(linear_bounds, "interval", of_the_pixels_alone)
    monkeypatch.setattr(linear_bounds, "SLOPES", (linear_bounds.dual_slopes,))
    monkeypatch.setattr(linear_bounds, "ROUNDING", 0.0)
    margin = _smallest_margin(published, image_id, affine, linear_bounds, certify)
    assert margin == pytest.approx(AUTHORS[image_id], abs=1e-12)
    # The control: with other slopes the numbers are others.
    monkeypatch.setattr(linear_bounds, "SLOPES", (linear_bounds.adaptive_slopes,))
    assert _smallest_margin(published, image_id, affine, linear_bounds, certify) != pytest.approx(margin, abs=1e-4)
