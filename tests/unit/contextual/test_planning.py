"""What a plan promises is what happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from robustkit import (
    ConfigError,
    SensitivitySizes,
    estimate_sensitivity,
    finite_effects,
    fourier_basis,
    gradient_sensitivity,
    measure_sizes,
    patch_basis,
    plan_sensitivity,
)

SIZES = SensitivitySizes(samples=10, values=48, outputs=5, features=12, graph=1000)


class Counted:
    """A representation that counts the samples of its passes."""

    def __init__(self, net):
        self.net = net
        self.forwards = self.backwards = 0

    def __call__(self, points):
        self.forwards += len(points)
        outputs = self.net(points)
        if outputs.requires_grad:
            outputs.register_hook(self.count)
        return outputs

    def count(self, gradient):
        self.backwards += len(gradient)


@pytest.mark.parametrize("estimator", ["gradient", "forward", "hutchinson", "finite"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_the_passes_are_those_of_the_plan(net, images, make_keys, estimator, chunk):
    basis, counted = patch_basis((3, 6, 8), 4), Counted(net)
    sizes = measure_sizes(net, images, basis)
    per_sample = plan_sensitivity(sizes, estimator, 4, 1e6).mebibytes / 5
    plan = plan_sensitivity(sizes, estimator, 4, chunk * per_sample * 1.01)
    assert plan.chunk == chunk
    for rows in plan.slices():
        keys = make_keys(5).rows(rows)
        if estimator == "finite":
            finite_effects(lambda p, r: (p.flatten(1).sum(1), counted(p)), images[rows], basis, keys, draws=4, std=0.1)
        else:
            estimate_sensitivity(counted, images[rows], basis, keys, plan)
    assert (counted.forwards, counted.backwards) == (plan.forwards, plan.backwards)


def test_the_memory_does_not_change_the_numbers(net, images, make_keys):
    basis = patch_basis((3, 6, 8), 4)
    sizes = measure_sizes(net, images, basis)
    found = []
    for memory in (1e-6, 1e6):
        plan = plan_sensitivity(sizes, "hutchinson", 4, memory)
        parts = [estimate_sensitivity(net, images[r], basis, make_keys(5).rows(r), plan) for r in plan.slices()]
        found.append(torch.cat([part.value for part in parts]))
    assert len(parts) == 1
    assert torch.allclose(*found, rtol=1e-9)


def test_an_exact_plan_has_no_error(net, images, make_keys):
    basis = patch_basis((3, 6, 8), 4)
    plan = plan_sensitivity(measure_sizes(net, images, basis))
    found = estimate_sensitivity(net, images, basis, make_keys(5), plan)
    assert plan.is_exact
    assert torch.equal(found.value, gradient_sensitivity(net, images, basis))
    assert torch.equal(found.halves[0], found.value)
    assert not found.error.any()


@pytest.mark.parametrize(
    ("outputs", "values", "sets", "draws", "expected"),
    [
        (5, 48, True, 64, "gradient"),
        (48, 48, True, 64, "gradient"),
        (60, 48, True, 64, "forward"),
        (60, 48, False, 64, "gradient"),
        (5, 48, True, 4, "hutchinson"),
        (1000, 48, True, 64, "forward"),
        (1000, 150528, True, 64, "hutchinson"),
        (1000, 48, False, 64, "hutchinson"),
    ],
)
def test_auto_is_exact_where_that_is_no_dearer_than_the_draws(outputs, values, sets, draws, expected):
    sizes = replace(SIZES, outputs=outputs, values=values, sets=sets)
    plan = plan_sensitivity(sizes, draws=draws)
    assert plan.estimator == expected
    dearer = plan_sensitivity(sizes, "hutchinson", draws)
    assert plan.forwards + plan.backwards <= dearer.forwards + dearer.backwards


@pytest.mark.parametrize("memory", [1e-6, 1, 1e6])
@pytest.mark.parametrize("samples", [1, 7, 1000])
def test_neither_batch_nor_memory_choose_the_estimator(samples, memory):
    assert plan_sensitivity(replace(SIZES, samples=samples), memory=memory).estimator == "gradient"


def test_the_graph_of_a_sample_is_measured_without_the_weights():
    """Linear layers keep their inputs: 8 and 4 float32; tanh keeps its output, which is the second of these."""
    net = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).requires_grad_(False)
    sizes = measure_sizes(net, torch.zeros(6, 8), patch_basis((1, 1, 8), 1))
    assert sizes.graph == 4 * 4  # frozen layers keep no inputs, only the weights, which are no part of it
    assert (sizes.samples, sizes.values, sizes.outputs, sizes.features) == (6, 8, 3, 8)
    wider = torch.nn.Sequential(torch.nn.Linear(8, 40), torch.nn.Tanh(), torch.nn.Linear(40, 3)).requires_grad_(False)
    assert measure_sizes(wider, torch.zeros(6, 8), patch_basis((1, 1, 8), 1)).graph == 4 * 40


def test_bands_of_frequency_are_no_sets_of_values(net, images):
    assert measure_sizes(net, images, patch_basis((3, 6, 8), 4)).sets
    assert not measure_sizes(net, images, fourier_basis((3, 6, 8), 2)).sets


@pytest.mark.parametrize("memory", [0, -1, float("nan")])
def test_a_budget_is_above_zero(memory):
    with pytest.raises(ConfigError, match="expected MiB above 0"):
        plan_sensitivity(SIZES, memory=memory)


def test_noise_on_features_is_not_of_first_order(net, images, make_keys):
    basis = patch_basis((3, 6, 8), 4)
    plan = plan_sensitivity(measure_sizes(net, images, basis), "finite")
    with pytest.raises(ConfigError, match="not of first order"):
        estimate_sensitivity(net, images, basis, make_keys(5), plan)
