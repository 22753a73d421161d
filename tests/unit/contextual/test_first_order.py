"""Gradient estimates against closed forms, worked out by hand; the first also agrees with captum's Saliency."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from robustkit import (
    ConfigError,
    DataError,
    Partition,
    gradient_sensitivity,
    gradient_utility,
    hutchinson_sensitivity,
    loss_aligned_fraction,
    patch_basis,
    pixel_basis,
    value_basis,
)
from robustkit.contextual.first_order import signed_utility


def double(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_linear_representation_with_quadratic_loss(linear):
    basis = value_basis((3,))
    assert torch.allclose(linear.represent(linear.inputs), double([-0.5, -3.5]))
    assert float(linear.loss(linear.inputs)) == 10.25
    assert torch.allclose(signed_utility(linear.loss, linear.inputs), double([-0.5, -5.5, 4.5]))
    utility = gradient_utility(linear.loss, linear.inputs, basis)
    sensitivity = gradient_sensitivity(linear.represent, linear.inputs, basis)
    assert torch.allclose(utility, double([0.5, 5.5, 4.5]))
    assert torch.allclose(sensitivity, double([1, 5**0.5, 1]))
    slope = double(0.5, 4.5).norm(dim=0, keepdim=True)
    fractions = loss_aligned_fraction(utility, sensitivity, slope)
    assert torch.allclose(fractions, double([0.110432, 0.543251, 0.993884]), atol=1e-6)


def test_one_sided_differences_have_the_known_curvature(linear):
    step = 0.1
    points = linear.inputs + step * torch.eye(3, dtype=torch.float64)
    found = linear.loss(points) - linear.loss(linear.inputs)
    assert torch.allclose(found, double(-0.045, -0.525, 0.455))
    central = (found - (linear.loss(linear.inputs - step * torch.eye(3)) - linear.loss(linear.inputs))) / (2 * step)
    assert torch.allclose(central, signed_utility(linear.loss, linear.inputs)[0])
    ablated = linear.loss(linear.inputs * (1 - torch.eye(3))) - linear.loss(linear.inputs)
    assert torch.allclose(ablated, double(1, -3, -7))


def test_a_saturated_logistic_loss_has_little_utility():
    weight, inputs = double(2, -1, 0.5), double([1, -1, 2])

    def loss(points):
        return functional.softplus(-(points @ weight))

    assert float(torch.sigmoid(inputs @ weight)) == pytest.approx(0.982014, abs=1e-6)
    assert torch.allclose(signed_utility(loss, inputs), double([-0.036, 0.018, -0.009]), atol=5e-4)


def test_softmax_cross_entropy():
    weight, inputs = double([1, 0], [0, 1], [-1, -1]), double([0.2, -0.3])
    found = signed_utility(
        lambda x: functional.cross_entropy(x @ weight.T, torch.tensor([0]), reduction="none"), inputs
    )
    probabilities = (weight @ inputs[0]).softmax(0)
    assert torch.allclose(found[0], weight.T @ (probabilities - double(1, 0, 0)))
    assert torch.allclose(found, double([-0.9621, -0.1188]), atol=1e-4)


def test_sensitivity_is_contextual():
    found = gradient_sensitivity(lambda x: x[:, :1] * x[:, 1:], double([0, 3], [2, 3]), value_basis((2,)))
    assert torch.allclose(found, double([3, 0], [3, 2]))


def test_an_orthogonal_representation_is_equally_sensitive_to_everything():
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    found = gradient_sensitivity(lambda x: x @ rotation.T, torch.zeros(2, 6, dtype=torch.float64), value_basis((6,)))
    assert torch.allclose(found, torch.ones(2, 6, dtype=torch.float64))


def test_sensitivity_scales_with_its_layer(linear):
    basis = value_basis((3,))
    once = gradient_sensitivity(linear.represent, linear.inputs, basis)
    scaled = gradient_sensitivity(lambda x: 7 * linear.represent(x), linear.inputs, basis)
    assert torch.allclose(scaled, 7 * once)


def test_a_dead_feature_has_neither(linear):
    linear.weight = linear.weight * double(0, 1, 1)
    basis = value_basis((3,))
    utility = gradient_utility(linear.loss, linear.inputs, basis)
    sensitivity = gradient_sensitivity(linear.represent, linear.inputs, basis)
    assert utility[0, 0] == sensitivity[0, 0] == 0
    assert (utility[0, 1:] > 0).all()
    fractions = loss_aligned_fraction(utility, sensitivity, torch.ones(1, dtype=torch.float64))
    assert fractions.isnan().tolist() == [[True, False, False]]


@pytest.mark.parametrize("basis", [value_basis((3, 6, 8)), pixel_basis((3, 6, 8)), patch_basis((3, 6, 8), 4)])
def test_sensitivity_is_the_norm_of_the_jacobian_within_each_feature(net, images, basis):
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x).sum(0), images).movedim(1, 0)
    expected = torch.stack([basis.total(each.square()).sum(0).sqrt() for each in jacobian])
    found = gradient_sensitivity(net, images, basis)
    assert torch.allclose(found, expected, rtol=1e-9)


def test_utility_is_bounded_by_sensitivity_times_slope(net, images):
    labels, basis = torch.arange(5), patch_basis((3, 6, 8), 2)
    utility = gradient_utility(lambda x: functional.cross_entropy(net(x), labels, reduction="none"), images, basis)
    sensitivity = gradient_sensitivity(net, images, basis)
    slope = (net(images).softmax(1) - torch.eye(5)).norm(dim=1)
    assert (utility <= sensitivity * slope[:, None] * (1 + 1e-12)).all()
    assert (loss_aligned_fraction(utility, sensitivity, slope) < 1).all()


def test_hutchinson_has_the_theoretical_spread(linear, make_keys):
    """Relative standard deviation sqrt(2 (1 - sum_k J_ki^4 / s_i^4) / K) for Rademacher vectors (Hutchinson 1989)."""
    n, draws, basis = 4000, 8, value_basis((3,))
    estimated = hutchinson_sensitivity(linear.represent, linear.inputs.expand(n, 3), basis, make_keys(n), draws)
    found, error = estimated.value, estimated.error
    squares = found.square()
    assert torch.allclose(squares.mean(0), double(1, 5, 1), rtol=0.03)
    # sum_k J_k^4 / s^4 is 1 for features with one path, where the estimate is exact, and (16 + 1) / 25 for the second.
    expected = (2 * (1 - 17 / 25) / draws) ** 0.5
    spread = squares.std(0) / double(1, 5, 1)
    assert torch.allclose(spread, double(0, expected, 0), atol=0.02)
    assert not torch.allclose(spread, double(0, (2 / draws) ** 0.5, 0), atol=0.02), (
        "that is the spread of Gaussian vectors"
    )
    assert torch.allclose(error.mean(0), found.std(0), rtol=0.1, atol=1e-9)


def test_the_halves_of_the_draws_are_independent_and_together_the_whole(net, images, make_keys):
    found = hutchinson_sensitivity(net, images, patch_basis((3, 6, 8), 2), make_keys(5), 8)
    first, second = found.halves
    assert torch.allclose((first.square() + second.square()) / 2, found.value.square())
    assert not torch.allclose(first, second, rtol=1e-3)


def test_hutchinson_does_not_depend_on_the_batch(net, images, make_keys):
    basis = patch_basis((3, 6, 8), 2)
    together = hutchinson_sensitivity(net, images, basis, make_keys(5), 4).value
    alone = hutchinson_sensitivity(net, images[3:4], basis, make_keys(1, start=3), 4).value
    assert torch.allclose(together[3:4], alone, rtol=1e-9)
    other = hutchinson_sensitivity(net, images[3:4], basis, make_keys(1), 4).value
    assert not torch.allclose(other, alone, rtol=1e-3)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_gradients_are_taken_whatever_the_caller_switched_off(linear, mode):
    with mode():
        found = gradient_utility(linear.loss, linear.inputs.clone(), value_basis((3,)))
        sensitivity = gradient_sensitivity(linear.represent, linear.inputs.clone(), value_basis((3,)))
    assert found.tolist() == [[0.5, 5.5, 4.5]]
    assert sensitivity[0, 0] == 1
    assert not found.requires_grad
    assert not sensitivity.requires_grad


def test_inputs_and_parameters_are_left_as_they_are(net, images):
    net.requires_grad_(True)
    given = images.clone().requires_grad_()
    gradient_utility(lambda x: net(x).sum(1), given, pixel_basis((3, 6, 8)))
    gradient_sensitivity(net, given, pixel_basis((3, 6, 8)))
    assert given.grad is None
    assert torch.equal(given, images)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_batch_statistics_are_refused(net, images):
    net.train()
    with pytest.raises(DataError, match="depends on the other samples") as refused:
        gradient_sensitivity(net, images, pixel_basis((3, 6, 8)))
    assert "model.eval()" in refused.value.hint


@pytest.mark.parametrize("loss", [lambda x: x.sum(), lambda x: x, lambda x: x.sum(1, keepdim=True)])
def test_a_loss_that_is_not_one_number_a_sample_is_refused(loss):
    with pytest.raises(DataError, match="expected one loss for each of 2 samples"):
        signed_utility(loss, torch.zeros(2, 3))


def test_a_loss_without_a_gradient_is_refused():
    with pytest.raises(DataError, match="nothing depends on the inputs"):
        signed_utility(lambda x: x.detach().sum(1), torch.zeros(2, 3))


def test_a_representation_that_is_no_vector_is_refused():
    with pytest.raises(DataError, match=r"expected \(N, m\) representations of 2 samples, got shape \(2,\)"):
        gradient_sensitivity(lambda x: x.sum(1), torch.zeros(2, 3), value_basis((3,)))


@pytest.mark.parametrize("draws", [0, 1])
def test_a_standard_error_needs_two_draws(linear, make_keys, draws):
    with pytest.raises(ConfigError, match=f"got {draws}"):
        hutchinson_sensitivity(linear.represent, linear.inputs, value_basis((3,)), make_keys(1), draws)


def test_features_may_cross_any_border(linear):
    basis = Partition("first and last", torch.tensor([0, 1, 0]), 2)
    found = gradient_sensitivity(linear.represent, linear.inputs, basis)
    assert torch.allclose(found, double([2**0.5, 5**0.5]))
    assert torch.allclose(gradient_utility(linear.loss, linear.inputs, basis), double([20.5**0.5, 5.5]))
