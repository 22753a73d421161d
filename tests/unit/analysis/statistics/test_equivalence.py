from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import robustkit
from robustkit.analysis.statistics.equivalence import tost_paired

VALUES = np.random.default_rng(0).normal(0.1, 1.0, 40)


def test_p_is_the_larger_of_two_one_sided_t_tests():
    upper = stats.ttest_1samp(VALUES, 0.6, alternative="less").pvalue
    lower = stats.ttest_1samp(VALUES, -0.6, alternative="greater").pvalue
    found = tost_paired(VALUES, 0.6)
    assert found.p == pytest.approx(max(upper, lower), rel=1e-9)
    assert found.p != pytest.approx(min(upper, lower), rel=0.1)
    assert found.p != pytest.approx(stats.ttest_1samp(VALUES, 0.0).pvalue, rel=0.1)


def test_the_interval_is_that_of_90_percent():
    expected = stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.90)
    found = tost_paired(VALUES, 0.6)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.3, 0.4, 0.6, 1.0])
def test_equivalence_is_the_interval_within_the_margin(margin):
    found = tost_paired(VALUES, margin)
    assert (found.p < 0.05) == (-margin < found.low and found.high < margin)


def test_no_significant_difference_is_no_equivalence():
    few = VALUES[:5]
    assert stats.ttest_1samp(few, 0.0).pvalue > 0.05
    assert tost_paired(few, 0.3).p > 0.05


@pytest.mark.parametrize(("values", "margin"), [([1.0], 0.1), ([0.0, 0.0], 0.1), ([0.0, np.nan], 0.1), ([0, 1], 0)])
def test_what_has_no_t_test_is_refused(values, margin):
    with pytest.raises(robustkit.DataError, match="margin"):
        tost_paired(values, margin)
