"""Monte-Carlo estimates against the moments of the linear case, known in closed form."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from robustkit import (
    ConfigError,
    finite_effects,
    gradient_sensitivity,
    gradient_utility,
    patch_basis,
    value_basis,
)

NAMES = ("utility_mean", "utility_abs", "utility_rms", "sensitivity")


def double(*row):
    return torch.tensor([row], dtype=torch.float64)


@pytest.fixture(scope="module")
def found(linear_case, make_keys):
    linear = linear_case()
    return finite_effects(linear.respond, linear.inputs, value_basis((3,)), make_keys(1), draws=4000, std=0.1)


MOMENTS = {
    # E dl = s^2 std^2 / 2
    "utility_mean": double(0.005, 0.025, 0.005),
    # E dl^2 = std^2 u^2 + 3/4 std^4 s^4
    "utility_rms": double(0.002575, 0.304375, 0.202575).sqrt(),
    # E |dphi|^2 = std^2 s^2
    "sensitivity": double(0.01, 0.05, 0.01).sqrt(),
    # E |dl| of a quadratic in one normal variable, by numerical integration with scipy.integrate.quad
    "utility_abs": double(0.0398942280, 0.4388365084, 0.3590480524),
}


@pytest.mark.parametrize("name", NAMES)
def test_moments_lie_within_their_standard_errors(found, name):
    distance = (getattr(found, name) - MOMENTS[name]) / found.errors[name]
    assert distance.abs().max() < 3.5


def test_the_standard_errors_are_tight_enough_to_notice_a_wrong_moment(found):
    """Negative control: a tenth more, or a mean change of the loss without the curvature's term."""
    for name in ("utility_rms", "sensitivity"):
        wrong = MOMENTS[name] * 1.1
        assert ((getattr(found, name) - wrong) / found.errors[name]).abs().min() > 4
    assert (found.utility_mean / found.errors["utility_mean"]).abs().max() > 3.5


def test_small_noise_is_first_order(net, images, make_keys):
    labels, basis = torch.arange(5), patch_basis((3, 6, 8), 2)

    def loss(points, rows):
        return functional.cross_entropy(net(points), labels[rows], reduction="none")

    def ratio(std):
        found = finite_effects(lambda p, r: (loss(p, r), net(p)), images, basis, make_keys(5), draws=256, std=std)
        utility = gradient_utility(lambda x: loss(x, torch.arange(5)), images, basis)
        sensitivity = gradient_sensitivity(net, images, basis)
        errors = found.errors["utility_rms"] / std, found.errors["sensitivity"] / std
        return (found.utility_rms / std - utility) / errors[0], (found.sensitivity / std - sensitivity) / errors[1]

    small = torch.cat(ratio(1e-4))
    assert small.abs().mean() < 1.2
    assert small.abs().max() < 5
    assert torch.cat(ratio(3.0)).abs().mean() > 3, "with much noise the first order must not do"


@pytest.mark.parametrize("batch_size", [1, 7, 60, 10_000])
def test_results_do_not_depend_on_the_batch(net, images, make_keys, batch_size):
    basis, labels = patch_basis((3, 6, 8), 4), torch.arange(5)

    def respond(points, rows):
        assert len(points) == len(rows) <= batch_size
        return functional.cross_entropy(net(points), labels[rows], reduction="none"), net(points)

    whole = finite_effects(respond, images, basis, make_keys(5), draws=3, std=0.1, batch_size=batch_size)
    parts = [
        finite_effects(
            lambda p, r, row=row: (functional.cross_entropy(net(p), labels[row + r], reduction="none"), net(p)),
            images[row : row + 1],
            basis,
            make_keys(1, start=row),
            draws=3,
            std=0.1,
        )
        for row in range(5)
    ]
    for name in NAMES:
        assert torch.allclose(getattr(whole, name), torch.cat([getattr(part, name) for part in parts]), rtol=1e-9)


def test_noise_is_on_one_feature_only(make_keys):
    basis, seen = value_basis((4,)), []

    def respond(points, rows):
        seen.append(points.clone())
        return points.sum(1), points

    finite_effects(respond, torch.zeros(2, 4), basis, make_keys(2), draws=2, std=1.0)
    assert all(((points != 0).sum(1) <= 1).all() for points in seen)
    assert sum(int((points != 0).sum()) for points in seen) == 2 * 4 * 2


def test_what_has_no_influence_has_no_error(make_keys):
    basis = value_basis((2,))
    found = finite_effects(lambda x, r: (x[:, 0], x[:, :1]), torch.zeros(1, 2), basis, make_keys(1), draws=4, std=1.0)
    assert all(getattr(found, name)[0, 1] == 0 == found.errors[name][0, 1] for name in NAMES)


@pytest.mark.parametrize(("draws", "std"), [(1, 0.1), (2, 0.0), (2, -1.0), (2, float("nan")), (2, float("inf"))])
def test_draws_and_noise_are_needed(linear, make_keys, draws, std):
    with pytest.raises(ConfigError, match="draws >= 2 and std >= "):
        finite_effects(linear.respond, linear.inputs, value_basis((3,)), make_keys(1), draws=draws, std=std)


@pytest.mark.parametrize("std", [1e-30, 1e-7, 9e-5])
def test_noise_that_single_precision_absorbs_is_refused(make_keys, std):
    inputs, basis = torch.ones(1, 3), value_basis((3,))
    with pytest.raises(ConfigError, match=r"std >= 9\.5e-05 for torch\.float32 inputs"):
        finite_effects(lambda x, r: (x[:, 0], x), inputs, basis, make_keys(1), draws=4, std=std)
    found = finite_effects(lambda x, r: (x[:, 0], x), inputs, basis, make_keys(1), draws=512, std=1e-4)
    assert found.sensitivity / 1e-4 == pytest.approx(1, abs=0.15)
    double = finite_effects(lambda x, r: (x[:, 0], x), inputs.double(), basis, make_keys(1), draws=512, std=1e-7)
    assert double.sensitivity / 1e-7 == pytest.approx(1, abs=0.15)
