from __future__ import annotations

import numpy as np
import pytest

import robustkit
from robustkit.analysis.statistics.front_membership import front_membership


def right(share: float, n: int = 400) -> list[float]:
    return [1.0] * round(share * n) + [0.0] * round((1 - share) * n)


def test_a_model_that_is_better_by_far_is_on_the_front_and_the_other_is_not():
    clean, attacked = np.array([right(0.9), right(0.5)]), np.array([right(0.6), right(0.2)])
    assert front_membership(clean, attacked) == [1.0, 0.0]


def test_a_trade_off_puts_both_on_it():
    clean, attacked = np.array([right(0.9), right(0.5)]), np.array([right(0.2), right(0.6)])
    assert front_membership(clean, attacked) == [1.0, 1.0]


def test_what_is_close_is_neither():
    rng = np.random.default_rng(0)
    clean = np.array([right(0.7), rng.permutation(right(0.72))])
    found = front_membership(clean, np.array([right(0.5), right(0.5)]))
    assert 0.1 < found[0] < 0.6
    assert 0.5 < found[1] < 0.95


def test_models_that_err_on_the_same_samples_are_told_apart_where_independent_draws_would_not():
    clean = np.array([right(0.70), right(0.72)])
    attacked = np.array([right(0.5), right(0.5)])
    joint = front_membership(clean, attacked)
    shuffled = np.array([clean[0], np.random.default_rng(1).permutation(clean[1])])
    # The second is right wherever the first is: it dominates unless none of eight samples was drawn.
    assert joint[0] < 0.01
    assert front_membership(shuffled, attacked)[0] > 0.05


def test_equal_models_share_their_place_and_a_margin_forgives():
    clean = np.array([right(0.7), right(0.7), right(0.72)])
    attacked = np.array([right(0.5), right(0.5), right(0.5)])
    first, second, best = front_membership(clean, attacked)
    assert first == second < 0.01
    assert best == 1.0
    assert front_membership(clean, attacked, margin=0.05)[0] == 1.0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(robustkit.DataError, match="models, samples"):
        front_membership(np.ones((2, 5)), np.ones((3, 5)))
