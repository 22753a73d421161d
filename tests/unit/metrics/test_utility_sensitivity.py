"""Utility and sensitivity of a model whose gradients are known, through the metric's own states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from robustkit import ConfigError
from robustkit_metrics.contextual.params import UtilitySensitivityParams
from robustkit_metrics.contextual.ranges import AGREEMENT, RANGES
from robustkit_metrics.contextual.utility_sensitivity import UtilitySensitivity


def make_model(seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    return model.eval().requires_grad_(False)


@pytest.fixture
def images():
    return torch.rand(9, 1, 8, 8, generator=torch.Generator().manual_seed(1))


LABELS = torch.arange(9) % 4
PARAMS = UtilitySensitivityParams(patch=2)


def estimates(params, batches):
    metric = UtilitySensitivity(params)
    return metric.estimate([metric.measure(batch) for batch in batches])


@pytest.mark.parametrize("estimator", ["gradient", "hutchinson", "finite"])
@pytest.mark.parametrize("layer", ["", "1"])
def test_every_part_is_within_its_range(make_batch, images, estimator, layer):
    found = estimates(
        replace(PARAMS, estimator=estimator, layer=layer, draws=4), [make_batch(make_model(), images, LABELS)]
    )
    aligned = {"loss-aligned-fraction"} if (estimator, layer) == ("gradient", "") else set()
    excess = {"rank-correlation-excess"} if estimator != "finite" else set()
    noisy = {"rank-correlation-disattenuated"} if estimator != "gradient" else set()
    assert found.keys() == set(AGREEMENT) | aligned | excess | noisy
    for name in found.keys() - noisy:
        estimate, (low, high) = found[name], RANGES[name]
        assert low <= estimate.ci_low <= estimate.value <= estimate.ci_high <= high
        assert estimate.n == 9
        assert bool(estimate.note) == bool(noisy)
        assert (estimate.chance is None) == (name in ("loss-aligned-fraction", "rank-correlation-excess"))


def test_values_are_those_of_the_jacobian(make_batch, images):
    """An independent path: torch.func's Jacobian, one sample at a time, and numpy."""
    model = make_model()
    found = UtilitySensitivity(PARAMS).measure(make_batch(model, images, LABELS))
    for row in range(9):
        jacobian = torch.func.jacrev(lambda x: model(x[None])[0])(images[row])[:, 0]
        logits = model(images[row : row + 1])[0]
        slope = logits.softmax(0) - torch.eye(4)[LABELS[row]]
        patches = jacobian.reshape(4, 4, 2, 4, 2).permute(1, 3, 0, 2, 4).reshape(16, 4, 4)
        sensitivity = patches.square().sum((1, 2)).sqrt().numpy()
        utility = np.sqrt(np.square(np.einsum("gkj,k->gj", patches.numpy(), slope.numpy())).sum(1))
        order, size = np.argsort(utility), float(logits.norm())
        assert found["s-low"][row] == pytest.approx(sensitivity[order[:8]].mean() / size, rel=1e-4)
        assert found["s-high"][row] == pytest.approx(sensitivity[order[8:]].mean() / size, rel=1e-4)
        aligned = utility / sensitivity / float(slope.norm())
        assert found["loss-aligned-fraction"][row] == pytest.approx(aligned.mean(), rel=1e-4)


@pytest.mark.parametrize("estimator", ["gradient", "hutchinson", "finite"])
def test_batches_do_not_matter(make_batch, images, estimator):
    model, params = make_model(), replace(PARAMS, estimator=estimator, draws=3)
    whole = estimates(params, [make_batch(model, images, LABELS)])
    parts = estimates(
        params,
        [make_batch(model, images[a:b], LABELS[a:b], start=a) for a, b in ((0, 4), (4, 5), (5, 9))],
    )
    assert whole.keys() == parts.keys()
    for name, estimate in whole.items():
        assert parts[name].value == pytest.approx(estimate.value, rel=1e-4)
        assert parts[name].n == estimate.n


def test_rescaling_the_last_layer_leaves_the_relative_numbers(make_batch, images):
    """A representation that is ten times as large, with a loss that is used to it."""
    model, scaled = make_model(), make_model()
    with torch.no_grad():
        for parameter in scaled[0].parameters():
            parameter.mul_(1)
    scaled.insert(2, Scale(10))
    scaled.insert(3, Scale(0.1))
    first = estimates(replace(PARAMS, layer="1"), [make_batch(model, images, LABELS)])
    second = estimates(replace(PARAMS, layer="2"), [make_batch(scaled, images, LABELS)])
    assert {name: e.value for name, e in second.items()} == pytest.approx(
        {name: e.value for name, e in first.items()}, rel=1e-3
    )


class Scale(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, inputs):
        return inputs * self.factor


class Blind(torch.nn.Module):
    """Sees nothing of the first `blind` samples, which are black."""

    def forward(self, inputs):
        return (inputs * inputs).flatten(2).sum(2).repeat(1, 3) * torch.tensor([1.0, 2.0, 3.0])


def test_undefined_samples_are_left_out_and_counted(make_batch, images):
    images = images.clone()
    images[:2] = 0
    found = estimates(PARAMS, [make_batch(Blind(), images, LABELS % 3)])
    assert found["rank-correlation"].n == 7
    assert found["rank-correlation"].note == (
        "undefined for 2 of 9 samples, which are left out: utility or sensitivity is the same for all features"
    )


def test_nothing_but_undefined_samples_has_no_value(make_batch):
    found = estimates(PARAMS, [make_batch(Blind(), torch.zeros(3, 1, 8, 8), torch.zeros(3, dtype=torch.int64))])
    assert found["rank-correlation"].value is None
    assert found["rank-correlation"].note.startswith("undefined: for all of 3 samples: utility or ")
    assert found["s-low"].value is None


def test_a_single_sample_has_no_interval(make_batch, images):
    found = estimates(PARAMS, [make_batch(make_model(), images[:1], LABELS[:1])])
    assert found["cosine"].value is not None
    assert (found["cosine"].ci_low, found["cosine"].ci_high) == (None, None)


@pytest.mark.parametrize(
    ("layer", "reason"), [("nope", "no layer of Sequential matches 'nope'"), ("*", "matches 0, 1, 2, 3")]
)
def test_a_layer_is_one_layer(make_batch, images, layer, reason):
    with pytest.raises(ConfigError, match=reason):
        UtilitySensitivity(replace(PARAMS, layer=layer)).measure(make_batch(make_model(), images, LABELS))


def test_pixels_are_smaller_than_patches(make_batch, images):
    batch = make_batch(make_model(), images, LABELS)
    found = {basis: estimates(replace(PARAMS, basis=basis), [batch])["s-high"].value for basis in ("pixel", "patch")}
    assert found["pixel"] < found["patch"]


def test_the_geometric_mean_treats_a_ratio_and_its_inverse_alike():
    from robustkit_metrics.contextual.sample_columns import estimate_means

    found = estimate_means({"contrast-ratio": np.array([4.0, 0.25, 1.0])})["contrast-ratio"]
    assert found.value == pytest.approx(1)
    assert found.interval == "student-t of logarithms"
    assert found.ci_low * found.ci_high == pytest.approx(1)
