from __future__ import annotations

import pytest

import robustkit
from robustkit.analysis.statistics.unpaired import square_and_add


def test_of_two_wilson_intervals_it_is_newcombes_interval_for_independent_proportions():
    # Newcombe (1998), Statist. Med. 17, 873-890, table II, example (a): 56/70 - 48/80, method 10: 0.0524, 0.3339.
    first = (48 / 80, *robustkit.wilson_interval(48, 80))
    second = (56 / 70, *robustkit.wilson_interval(56, 70))
    assert square_and_add(first, second) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_it_is_not_the_sum_of_the_widths_and_changes_sign_with_the_order():
    first, second = (0.5, 0.4, 0.7), (0.6, 0.55, 0.7)
    low, high = square_and_add(first, second)
    assert low > 0.1 - 0.05 - 0.2
    assert square_and_add(second, first) == pytest.approx((-high, -low))
