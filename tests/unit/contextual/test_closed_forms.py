"""The seven closed-form cases together, each with a variant that is wrong and must be told apart.

T1 to T4 were also run with captum; its numbers stand in test_captum.py.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from robustkit import (
    agreement,
    gradient_sensitivity,
    gradient_utility,
    loss_aligned_fraction,
    utility_along,
    value_basis,
    worst_case_sensitivity,
)
from robustkit.contextual.first_order import signed_utility


def double(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_t1_linear_representation_quadratic_loss(linear):
    basis = value_basis((3,))
    utility = gradient_utility(linear.loss, linear.inputs, basis)
    sensitivity = gradient_sensitivity(linear.represent, linear.inputs, basis)
    found = agreement(utility, sensitivity, linear.represent(linear.inputs).norm(dim=1), 1 / 3)
    expected = {
        "rank-correlation": 0.866025,
        "cosine": 0.917779,
        "sensitivity-mass": 5 / 7,
        "weighted-sensitivity": 1.166741,
    }
    assert {name: float(found[name]) for name in expected} == pytest.approx(expected, abs=1e-6)
    signed = signed_utility(linear.loss, linear.inputs).flatten(1)
    wrong = agreement(signed - signed.min(), sensitivity, torch.ones(1), 1 / 3)
    assert float(wrong["rank-correlation"]) != pytest.approx(0.866, abs=0.1), "a signed utility ranks otherwise"
    summed = agreement(utility, sensitivity.square(), torch.ones(1), 1 / 3)
    assert float(summed["sensitivity-mass"]) == pytest.approx(25 / 27), "the sum of squares, without the root"
    assert float(summed["weighted-sensitivity"]) != pytest.approx(1.166741, abs=0.1)


def test_t1_the_slope_of_the_loss_makes_its_utility(linear):
    residual = linear.represent(linear.inputs) - linear.target
    found = utility_along(linear.represent, linear.inputs, value_basis((3,)), residual)
    assert torch.allclose(found, double([0.5, 5.5, 4.5]))
    other = utility_along(linear.represent, linear.inputs, value_basis((3,)), residual.flip(1))
    assert torch.allclose(other, double([4.5, 9.5, 0.5]))


def test_t1_the_worst_case_of_a_single_value_is_its_norm_and_of_all_is_the_largest_singular_value(linear):
    basis = value_basis((3,))
    worst = worst_case_sensitivity(linear.represent, linear.inputs, basis)
    assert torch.allclose(worst, gradient_sensitivity(linear.represent, linear.inputs, basis))
    whole = worst_case_sensitivity(linear.represent, linear.inputs, Whole())
    assert float(whole) == pytest.approx(float(torch.linalg.svdvals(linear.weight)[0]))
    assert float(whole) < float(gradient_sensitivity(linear.represent, linear.inputs, Whole())) * 0.95


class Whole:
    """All of the input as one feature."""

    name, size = "whole", 1

    def energy(self, values):
        return values.square().sum(1, keepdim=True)

    def project(self, values, feature):
        return values


@pytest.mark.parametrize("target", ["ce", "margin"])
def test_t2_a_sure_logistic_model(target):
    """u = (1 - p) |w| with p = 0.982; of the margin, u = |w|."""
    weight, inputs = double(2, -1, 0.5), double([1, -1, 2])

    def loss(points):
        return functional.softplus(-(points @ weight)) if target == "ce" else -(points @ weight)

    found = gradient_utility(loss, inputs, value_basis((3,)))
    expected = (1 - 0.982014) * weight.abs() if target == "ce" else weight.abs()
    assert torch.allclose(found[0], expected, atol=1e-5)
    if target == "ce":
        wrong = signed_utility(lambda points: functional.softplus(points @ weight), inputs)
        assert float(wrong[0, 0]) == pytest.approx(0.982014 * 2, abs=1e-5), "the label's sign the wrong way round"


def test_t3_softmax_cross_entropy():
    weight, inputs = double([1, 0], [0, 1], [-1, -1]), double([0.2, -0.3])

    def along(label):
        return gradient_utility(
            lambda x: functional.cross_entropy(x @ weight.T, torch.tensor([label]), reduction="none"),
            inputs,
            value_basis((2,)),
        )

    assert torch.allclose(along(0), double([0.9621, 0.1188]), atol=1e-4)
    assert not torch.allclose(along(1), along(0), atol=0.1), "another label, another utility"


def test_t4_the_same_feature_in_another_context():
    basis, points = value_basis((2,)), double([0, 3], [2, 3])
    found = gradient_sensitivity(lambda x: x[:, :1] * x[:, 1:], points, basis)
    assert found.tolist() == [[3, 0], [3, 2]]
    additive = gradient_sensitivity(lambda x: x[:, :1] + x[:, 1:], points, basis)
    assert torch.equal(additive[0], additive[1]), "without an interaction the context has no influence"


def test_t5_an_orthogonal_representation_is_flagged_not_zero():
    generator = torch.Generator().manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(10, 10, generator=generator, dtype=torch.float64))[0]
    inputs = torch.randn(4, 10, generator=generator, dtype=torch.float64)
    basis = value_basis((10,))
    utility = gradient_utility(lambda x: (x @ rotation.T).pow(4).sum(1), inputs, basis)
    sensitivity = gradient_sensitivity(lambda x: x @ rotation.T, inputs, basis)
    found = agreement(utility, sensitivity, torch.ones(4), 0.2)
    assert found["rank-correlation"].isnan().all()
    assert found["sensitivity-mass"].tolist() == pytest.approx([0.2] * 4)
    assert found["weighted-sensitivity"].tolist() == pytest.approx([1] * 4)
    stretched = gradient_sensitivity(lambda x: x @ rotation.T * torch.arange(1.0, 11), inputs, basis)
    assert not agreement(utility, stretched, torch.ones(4), 0.2)["rank-correlation"].isnan().any()


def test_t6_rescaling_the_layer_changes_nothing_relative(linear):
    basis = value_basis((3,))
    utility = gradient_utility(linear.loss, linear.inputs, basis)

    def found(factor, relative=True):
        def represent(x):
            return factor * linear.represent(x)

        length = represent(linear.inputs).norm(dim=1) if relative else torch.ones(1)
        return agreement(utility, gradient_sensitivity(represent, linear.inputs, basis), length, 1 / 3)

    assert all(torch.allclose(found(7)[name], found(1)[name]) for name in found(1))
    changed = {name for name in found(1) if not torch.allclose(found(7, False)[name], found(1, False)[name])}
    assert changed == {"s-low", "s-high"}, "unscaled sensitivity"


def test_t7_a_dead_feature(linear):
    linear.weight = linear.weight * double(0, 1, 1)
    basis = value_basis((3,))
    utility = gradient_utility(linear.loss, linear.inputs, basis)
    sensitivity = gradient_sensitivity(linear.represent, linear.inputs, basis)
    assert utility[0, 0] == sensitivity[0, 0] == 0
    residual = (linear.represent(linear.inputs) - linear.target).norm(dim=1)
    fractions = loss_aligned_fraction(utility, sensitivity, residual)
    assert fractions.isnan().tolist() == [[True, False, False]]
    assert not fractions[0, 1:].isnan().any()
