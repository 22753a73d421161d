"""Forward mode agrees with backward passes."""

from __future__ import annotations

import pytest
import torch

from robustkit import (
    ConfigError,
    DataError,
    direction_basis,
    directional_sensitivity,
    forward_sensitivity,
    fourier_basis,
    gradient_sensitivity,
    patch_basis,
    superpixel_basis,
    value_basis,
)


@pytest.mark.parametrize("make", [value_basis, lambda shape: patch_basis(shape, 4)])
def test_both_modes_are_the_same_norm(net, images, make):
    basis = make((3, 6, 8))
    found = forward_sensitivity(net, images, basis)
    assert torch.allclose(found, gradient_sensitivity(net, images, basis), rtol=1e-9)
    assert not found.requires_grad


def test_features_may_differ_from_sample_to_sample(net, images):
    basis = superpixel_basis(images, 3)
    assert torch.allclose(forward_sensitivity(net, images, basis), gradient_sensitivity(net, images, basis), rtol=1e-9)


def test_one_direction_is_a_feature_of_one_dimension(net, images):
    directions = torch.randn(4, 3, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = direction_basis("random", directions)
    found = directional_sensitivity(net, images, basis.directions)
    assert torch.allclose(found, gradient_sensitivity(net, images, basis), rtol=1e-9)
    longer = directional_sensitivity(net, images, directions)
    assert not torch.allclose(longer, found, rtol=0.5), "negative control: J d scales with d"


def test_the_linear_case_has_its_closed_form(linear):
    found = forward_sensitivity(linear.represent, linear.inputs, value_basis((3,)))
    assert found.tolist() == [pytest.approx([1, 5**0.5, 1])]
    direction = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)
    assert float(directional_sensitivity(linear.represent, linear.inputs, [direction])) == pytest.approx(3)


def test_what_does_not_depend_on_the_input_has_no_sensitivity():
    found = forward_sensitivity(lambda x: torch.ones(len(x), 2), torch.zeros(3, 2), value_basis((2,)))
    assert found.tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_callers_mode_does_not_matter(linear, mode):
    with mode():
        found = forward_sensitivity(linear.represent, linear.inputs.clone(), value_basis((3,)))
    assert found[0, 0] == 1


def test_batch_statistics_are_refused(net, images):
    with pytest.raises(DataError, match="depends on the other samples"):
        forward_sensitivity(net.train(), images, patch_basis((3, 6, 8), 4))


class OneWay(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points):
        return points * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def test_a_model_without_forward_mode_says_what_to_do():
    with pytest.raises(ConfigError, match="no forward-mode derivative") as refused:
        forward_sensitivity(OneWay.apply, torch.zeros(2, 3), value_basis((3,)))
    assert "estimator=gradient" in refused.value.hint
    assert gradient_sensitivity(OneWay.apply, torch.zeros(2, 3), value_basis((3,))).tolist() == [[2, 2, 2]] * 2


def test_other_errors_of_the_model_are_its_own():
    def broken(points):
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        forward_sensitivity(broken, torch.zeros(2, 3), value_basis((3,)))


def test_bands_of_frequency_have_no_forward_mode(net, images):
    with pytest.raises(ConfigError, match="sets of values; those of basis 'fourier 2' are not"):
        forward_sensitivity(net, images, fourier_basis((3, 6, 8), 2))
