"""What captum 0.9.0 says about the linear case T1, in robustkit's terms; its numbers are hard-coded."""

from __future__ import annotations

import torch

from robustkit import ablation_utility, make_baseline, value_basis
from robustkit.contextual.first_order import signed_utility

SALIENCY = torch.tensor([-0.5, -5.5, 4.5], dtype=torch.float64)
FEATURE_ABLATION = torch.tensor([-1.0, 3.0, 7.0], dtype=torch.float64)
INTEGRATED_GRADIENTS = torch.tensor([0.0, 3.0, 6.0], dtype=torch.float64)
INFIDELITY = 0.003075
"""The closed form; captum gave 0.002963 with 2,000 draws."""


def test_saliency_of_the_loss_is_signed_utility(linear):
    found = signed_utility(linear.loss, linear.inputs)[0]
    assert torch.allclose(found, SALIENCY)
    assert not torch.allclose(found.abs(), SALIENCY), "with abs=True it is the utility of single values"


def test_ablation_is_minus_captums(linear):
    zeros = torch.zeros_like(linear.inputs)
    found = ablation_utility(linear.losses, linear.inputs, value_basis((3,)), zeros)[0]
    assert torch.allclose(found, -FEATURE_ABLATION)
    assert not torch.allclose(found, FEATURE_ABLATION), "the sign matters"
    split = ablation_utility(linear.losses, linear.inputs.repeat(4, 1), value_basis((3,)), zeros.repeat(4, 1), 3)
    assert torch.allclose(split, -FEATURE_ABLATION.expand(4, 3))


def test_ablation_to_itself_changes_nothing(linear):
    found = ablation_utility(linear.losses, linear.inputs, value_basis((3,)), linear.inputs)
    assert not found.any()
    image = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    assert torch.equal(make_baseline(make_baseline(image, "zero"), "mean"), torch.zeros_like(image))


def test_integrated_gradients_are_utility_averaged_over_a_path(linear):
    """The midpoint rule is exact for a quadratic loss; they add up to the change of the loss."""
    steps = (torch.arange(50, dtype=torch.float64) + 0.5)[:, None] / 50
    found = signed_utility(linear.loss, steps * linear.inputs).mean(0) * linear.inputs[0]
    assert torch.allclose(found, INTEGRATED_GRADIENTS)
    assert torch.allclose(found.sum(), linear.loss(linear.inputs)[0] - linear.loss(0 * linear.inputs)[0])
    at_the_end = signed_utility(linear.loss, linear.inputs)[0] * linear.inputs[0]
    assert not torch.allclose(at_the_end, INTEGRATED_GRADIENTS), "gradient times input is not that"


def test_infidelity_is_what_first_order_utility_leaves_unexplained(linear):
    """E (r.e - dl)^2 for e ~ N(0, 0.1^2): a quarter of std^4 (2 tr A^2 + (tr A)^2) with A = W^T W."""
    product = linear.weight.T @ linear.weight
    closed = 0.1**4 * (2 * (product @ product).trace() + product.trace() ** 2) / 4
    assert abs(float(closed) - INFIDELITY) < 1e-9
    noise = 0.1 * torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    change = linear.loss(linear.inputs + noise) - linear.loss(linear.inputs)
    left = (noise @ signed_utility(linear.loss, linear.inputs)[0] - change).square().mean()
    assert abs(float(left) - INFIDELITY) < 0.0001
    wrong = (noise @ signed_utility(linear.loss, linear.inputs)[0] + change).square().mean()
    assert float(wrong) > 1
