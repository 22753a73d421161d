from __future__ import annotations

import numpy as np
import pytest

import robustkit
from robustkit.analysis.statistics.intervals import normal_quantile
from robustkit.analysis.statistics.paired_proportions import newcombe_interval

BOTH, FIRST, SECOND, NEITHER = 60, 15, 5, 20


def test_method_10_of_the_reference_table():
    # Of the first minus the second: 0.10 (0.014201, 0.184500); we return the second minus the first.
    low, high = newcombe_interval(BOTH, FIRST, SECOND, NEITHER)
    assert (-high, -low) == pytest.approx((0.014201, 0.184500), abs=5e-7)


def test_it_is_neither_walds_interval_nor_that_of_independent_proportions():
    low, high = newcombe_interval(BOTH, FIRST, SECOND, NEITHER)
    wald = 1.959964 * ((15 + 5) / 100 - 0.1**2) ** 0.5 / 10
    (l1, u1), (l2, u2) = robustkit.wilson_interval(75, 100), robustkit.wilson_interval(65, 100)
    independent = ((0.65 - l2) ** 2 + (u1 - 0.75) ** 2) ** 0.5, ((u2 - 0.65) ** 2 + (0.75 - l1) ** 2) ** 0.5
    assert high - low != pytest.approx(2 * wald, abs=1e-4)
    assert high - low < sum(independent) - 0.05


def test_the_order_of_the_models_changes_the_sign_alone():
    low, high = newcombe_interval(30, 4, 9, 7)
    assert newcombe_interval(30, 9, 4, 7) == pytest.approx((-high, -low))


def test_it_has_a_width_where_no_sample_changes_sides():
    low, high = newcombe_interval(90, 0, 0, 10)
    assert low < 0 < high
    assert high - low < 0.2
    low, high = newcombe_interval(100, 0, 0, 0)
    assert low < 0 < high


def test_it_contains_the_difference_and_stays_within_its_scale():
    rng = np.random.default_rng(0)
    for _ in range(300):
        counts = [int(each) for each in rng.integers(0, 6, 4)]
        if sum(counts):
            low, high = newcombe_interval(*counts)
            assert -1 <= low <= (counts[2] - counts[1]) / sum(counts) <= high <= 1


def test_it_covers_the_difference_as_often_as_it_says():
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(120, [0.6, 0.12, 0.05, 0.23], size=2000)
    ends = np.array([newcombe_interval(*map(int, each)) for each in drawn])
    assert 0.93 < np.mean((ends[:, 0] <= -0.07) & (ends[:, 1] >= -0.07)) < 0.975


def test_a_higher_level_is_wider():
    narrow, wide = newcombe_interval(60, 5, 15, 20, 0.9), newcombe_interval(60, 5, 15, 20, 0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert normal_quantile(0.9) == pytest.approx(1.644854, abs=1e-6)


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (1, -1, 2, 3)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(robustkit.DataError, match="four counts"):
        newcombe_interval(*counts)
