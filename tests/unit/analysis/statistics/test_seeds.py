from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import robustkit
from robustkit.analysis.statistics.seeds import hierarchical_draws, seed_difference


def groups(rng, k, n, of_seed, of_sample, noise=0.3):
    """Return two groups without any difference: seeds vary, and samples differ between the groups."""
    shared = of_sample * rng.normal(size=n)
    first = of_seed * rng.normal(size=(k, 1)) + noise * rng.normal(size=(k, n))
    return first, of_seed * rng.normal(size=(k, 1)) + noise * rng.normal(size=(k, n)) + shared


def test_the_variance_is_that_over_seeds_and_that_over_samples():
    rng = np.random.default_rng(0)
    first, second = groups(rng, 5, 200, 0.1, 0.3)
    found = seed_difference(first, second)
    assert found.seeds == pytest.approx((first.mean(1).var(ddof=1) + second.mean(1).var(ddof=1)) / 5)
    assert found.samples == pytest.approx((second - first).mean(0).var(ddof=1) / 200)
    # An oracle of its own: what differences vary by over many repetitions.
    drawn = [seed_difference(*groups(rng, 5, 200, 0.1, 0.3)) for _ in range(1500)]
    truth = np.var([each.value for each in drawn])
    assert np.mean([each.seeds + each.samples for each in drawn]) == pytest.approx(truth, rel=0.12)
    assert np.mean([each.samples for each in drawn]) < 0.3 * truth


def test_without_variance_between_samples_it_is_welchs_interval():
    a, b = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [1.5], [2.0]])
    found = seed_difference(np.repeat(a, 50, axis=1), np.repeat(b, 50, axis=1))
    welch = stats.ttest_ind(b.ravel(), a.ravel(), equal_var=False)
    assert found.interval() == pytest.approx(tuple(welch.confidence_interval(0.95)))
    assert found.p == pytest.approx(welch.pvalue)


@pytest.mark.parametrize(("k", "of_seed", "of_sample"), [(2, 0.1, 0.1), (3, 0.1, 0.1), (5, 0.0, 0.3), (3, 0.01, 0.3)])
def test_the_interval_covers_as_often_as_it_says_whatever_dominates(k, of_seed, of_sample):
    rng = np.random.default_rng(1)
    ends = [seed_difference(*groups(rng, k, 200, of_seed, of_sample)).interval() for _ in range(1000)]
    assert 0.925 < np.mean([low <= 0 <= high for low, high in ends]) < 0.99


def test_intervals_over_seeds_alone_or_samples_alone_do_not():
    rng = np.random.default_rng(2)
    drawn = [groups(rng, 5, 200, 0.0, 0.3) for _ in range(400)]
    welch = [stats.ttest_ind(b.mean(1), a.mean(1), equal_var=False).pvalue > 0.05 for a, b in drawn]
    assert np.mean(welch) < 0.85
    drawn = [groups(rng, 3, 200, 0.1, 0.1) for _ in range(400)]
    paired = [stats.ttest_rel(b.mean(0), a.mean(0)).pvalue > 0.05 for a, b in drawn]
    assert np.mean(paired) < 0.6


def test_percentiles_of_the_hierarchical_bootstrap_are_too_narrow_for_three_seeds():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        a, b = hierarchical_draws([*groups(rng, 3, 100, 0.1, 0.1)], resamples=300)
        low, high = np.quantile(b - a, [0.025, 0.975])
        covered.append(low <= 0 <= high)
    assert np.mean(covered) < 0.9


def test_the_hierarchical_bootstrap_varies_over_seeds_and_samples():
    rng = np.random.default_rng(4)
    (first, second) = groups(rng, 20, 200, 0.1, 0.3)
    a, b = hierarchical_draws([first, second], resamples=4000)
    found = seed_difference(first, second)
    # Resampling k things gives (k - 1) / k of their variance.
    assert np.var(b - a) == pytest.approx(found.seeds * 19 / 20 + found.samples, rel=0.1)
    assert np.var(b - a) > 2 * found.samples


def test_the_samples_are_the_same_for_groups_and_cells_and_the_seeds_are_not():
    values = np.random.default_rng(5).normal(size=(1, 50))
    a, b = hierarchical_draws([values, values])
    assert np.array_equal(a, b)
    many = np.random.default_rng(6).normal(size=(4, 50))
    a, b = hierarchical_draws([many, many])
    assert not np.allclose(a, b)
    (cells,) = hierarchical_draws([np.stack([many, many + 1], axis=2)])
    assert cells.shape == (1000, 2)
    assert np.allclose(cells[:, 1] - cells[:, 0], 1)


def test_equal_seeds_on_equal_samples_have_no_interval():
    found = seed_difference(np.ones((3, 10)), np.ones((2, 10)))
    assert (found.value, found.interval(), found.p) == (0.0, None, 1.0)


@pytest.mark.parametrize("second", [np.ones((1, 10)), np.ones((3, 9)), np.ones(10)])
def test_what_is_not_two_groups_on_the_same_samples_is_refused(second):
    with pytest.raises(robustkit.DataError, match="same samples"):
        seed_difference(np.ones((3, 10)), second)
