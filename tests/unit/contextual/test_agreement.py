"""Numbers a sample from utility and sensitivity, against closed forms and scipy."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import spearmanr

from robustkit import DataError, agreement, agreement_by_chance
from robustkit.contextual.agreement import (
    contrast_ratio,
    cosine,
    rank_correlation,
    sensitivity_halves,
    sensitivity_mass,
    weighted_sensitivity,
)


def double(*rows):
    return torch.tensor(rows, dtype=torch.float64)


# The linear case of test_first_order: utility and sensitivity are known by hand.
UTILITY, SENSITIVITY = double([0.5, 5.5, 4.5]), double([1, 5**0.5, 1])


def random(n=6, size=12, seed=0, levels=None):
    values = torch.rand(2, n, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values if levels is None else (values * levels).floor()


def test_the_linear_case():
    assert float(rank_correlation(UTILITY, SENSITIVITY)) == pytest.approx(0.866025, abs=1e-6)
    assert float(cosine(UTILITY, SENSITIVITY)) == pytest.approx(0.917779, abs=1e-6)
    assert float(sensitivity_mass(UTILITY, SENSITIVITY, 1 / 3)) == pytest.approx(5 / 7)
    assert float(weighted_sensitivity(UTILITY, SENSITIVITY)) == pytest.approx(1.166741, abs=1e-6)
    assert float(contrast_ratio(UTILITY, SENSITIVITY, 1 / 3)) == pytest.approx(5**0.5)


def test_halves_share_the_feature_in_the_middle():
    low, high = sensitivity_halves(UTILITY, SENSITIVITY, double(2)[0])
    assert float(low) == pytest.approx((1 + 0.5 * 1) / 1.5 / 2)
    assert float(high) == pytest.approx((5**0.5 + 0.5 * 1) / 1.5 / 2)


@pytest.mark.parametrize("levels", [None, 2, 4])
def test_rank_correlation_is_scipys_ties_included(levels):
    utility, sensitivity = random(levels=levels)
    found = rank_correlation(utility, sensitivity)
    expected = [spearmanr(u, s).statistic for u, s in zip(utility.numpy(), sensitivity.numpy(), strict=True)]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_ties_at_random_ranks_would_differ_from_scipy():
    """Negative control: ranks by position among equals are not Spearman's."""
    utility, sensitivity = random(levels=2)
    ranks = [values.argsort(dim=1, stable=True).argsort(dim=1).double() for values in (utility, sensitivity)]
    wrong = rank_correlation(*ranks)
    assert (wrong - rank_correlation(utility, sensitivity)).abs().max() > 0.1


@pytest.mark.parametrize("which", ["utility", "sensitivity"])
def test_a_constant_has_no_rank_correlation(which):
    utility, sensitivity = random()
    given = {"utility": utility, "sensitivity": sensitivity}
    given[which] = torch.full_like(utility, 0.3)
    assert rank_correlation(**given).isnan().all()


def test_rounding_is_no_rank():
    """An orthogonal representation: sensitivity is constant but for the last bits."""
    utility, noise = random()
    sensitivity = 1 + 1e-7 * noise
    found = agreement(utility, sensitivity, torch.ones(6), 0.25)
    assert found["rank-correlation"].isnan().all()
    assert found["sensitivity-mass"].tolist() == pytest.approx([0.25] * 6)
    assert found["weighted-sensitivity"].tolist() == pytest.approx([1] * 6)
    assert found["contrast-ratio"].tolist() == pytest.approx([1] * 6)


def test_rescaling_a_layer_changes_nothing():
    utility, sensitivity = random()
    length = torch.arange(1.0, 7)
    once, scaled = agreement(utility, sensitivity, length), agreement(utility, 1000 * sensitivity, 1000 * length)
    assert all(torch.allclose(once[name], scaled[name]) for name in once)
    absolute = agreement(utility, 1000 * sensitivity, length)
    assert not torch.allclose(once["s-low"], absolute["s-low"]), "negative control: not divided by the length"


@pytest.mark.parametrize("levels", [None, 2])
def test_the_order_of_features_changes_nothing(levels):
    utility, sensitivity = random(levels=levels)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))
    once, again = (
        agreement(utility, sensitivity, torch.ones(6)),
        agreement(utility[:, order], sensitivity[:, order], torch.ones(6)),
    )
    assert all(torch.allclose(once[name], again[name], equal_nan=True) for name in once)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.3, 0.5, 1.0])
def test_mass_is_the_fraction_by_chance(fraction):
    utility = torch.arange(7.0).expand(1, 7)
    assert float(sensitivity_mass(utility, torch.ones(1, 7), fraction)) == pytest.approx(fraction)
    assert float(contrast_ratio(utility, torch.ones(1, 7), fraction)) == pytest.approx(1)


def test_what_follows_utility_beats_what_does_not():
    utility = torch.arange(1.0, 11).expand(1, 10)
    aligned, opposed = (agreement(utility, s, torch.ones(1)) for s in (utility, utility.flip(1)))
    assert float(aligned["rank-correlation"]) == 1
    assert float(opposed["rank-correlation"]) == -1
    assert all(
        aligned[n] > opposed[n] for n in ("cosine", "sensitivity-mass", "contrast-ratio", "weighted-sensitivity")
    )
    assert aligned["s-high"] > aligned["s-low"]
    assert opposed["s-high"] < opposed["s-low"]


def test_nothing_undefined_becomes_a_number():
    zero, one = torch.zeros(1, 4), torch.arange(4.0).expand(1, 4)
    dead, useless, empty = (
        agreement(one, zero, torch.ones(1)),
        agreement(zero, one, torch.ones(1)),
        agreement(one, one, torch.zeros(1)),
    )
    assert all(dead[n].isnan() for n in ("rank-correlation", "cosine", "sensitivity-mass", "contrast-ratio"))
    assert dead["weighted-sensitivity"].isnan()
    assert float(dead["s-low"]) == 0
    assert all(useless[n].isnan() for n in ("rank-correlation", "cosine", "weighted-sensitivity"))
    assert all(empty[n].isnan() for n in ("s-low", "s-high"))
    assert contrast_ratio(one, one, 0.25).isnan(), "the bottom has no sensitivity"


def test_one_feature_has_no_ranks():
    assert rank_correlation(torch.ones(1, 1), torch.ones(1, 1)).isnan()


@pytest.mark.parametrize(
    ("utility", "sensitivity", "fraction", "reason"),
    [
        (UTILITY, SENSITIVITY[:, :2], 0.1, r"\(1, 3\) and \(1, 2\)"),
        (UTILITY[0], SENSITIVITY[0], 0.1, r"\(3,\)"),
        (UTILITY[:, :1], SENSITIVITY[:, :1], 0.1, "at least 2 features to compare, got 1"),
        (UTILITY, SENSITIVITY, 0.0, "got 0.0"),
        (UTILITY, SENSITIVITY, 1.1, "got 1.1"),
        (-UTILITY, SENSITIVITY, 0.1, "utility to be finite and 0 or above"),
        (UTILITY, SENSITIVITY * torch.inf, 0.1, "sensitivity to be finite"),
    ],
)
def test_what_does_not_fit_is_refused(utility, sensitivity, fraction, reason):
    with pytest.raises(DataError, match=reason):
        agreement(utility, sensitivity, torch.ones(1), fraction)


def test_chance_is_the_mean_over_shuffled_sensitivities():
    """Exact against a simulation of 4,000 shuffles; the tolerance is four standard errors."""
    utility, sensitivity = random(n=1, size=12)
    length = torch.full((1,), 3.0)
    generator = torch.Generator().manual_seed(0)
    orders = torch.stack([torch.randperm(12, generator=generator) for _ in range(4000)])
    found = agreement(utility.expand(4000, 12), sensitivity[0, orders], length.expand(4000), 0.25)
    for name, expected in agreement_by_chance(utility, sensitivity, length, 0.25).items():
        values = found[name].log() if name == "contrast-ratio" else found[name]
        centre = expected.log() if name == "contrast-ratio" else expected
        assert abs(float(values.mean() - centre)) < 4 * float(values.std()) / 4000**0.5 + 1e-12, name
    assert abs(float(found["contrast-ratio"].mean()) - 1) > 0.05, "negative control: not the arithmetic mean"


def test_chance_is_undefined_with_the_number_itself():
    zero, one = torch.zeros(1, 4), torch.arange(4.0).expand(1, 4)
    assert agreement_by_chance(one, zero, torch.ones(1))["cosine"].isnan()
    assert agreement_by_chance(one, one, torch.zeros(1))["s-low"].isnan()
