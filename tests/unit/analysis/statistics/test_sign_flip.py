from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

import robustkit
from robustkit.analysis.statistics.intervals import normal_quantile
from robustkit.analysis.statistics.mcnemar import mcnemar_p
from robustkit.analysis.statistics.sign_flip import sign_flip


def correlated(n: int, cells: int, rng: np.random.Generator, shift: float = 0.0) -> np.ndarray:
    """Return differences whose cells share most of what each sample does."""
    return rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, cells)) + shift


def test_ten_pairs_with_three_differences_have_an_exact_p_of_a_quarter():
    differences = np.array([[1.0]] * 3 + [[0.0]] * 7)
    found = sign_flip(differences)
    assert (found.p[0], found.adjusted[0], found.exact) == (0.25, 0.25, True)
    scipys = stats.permutation_test((differences[:, 0],), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert scipys.pvalue == pytest.approx(0.25)


def test_of_one_cell_of_right_and_wrong_it_is_mcnemars_test():
    differences = np.array([[-1.0]] * 15 + [[1.0]] * 5 + [[0.0]] * 80)
    found = sign_flip(differences, flips=100_000)
    assert not found.exact
    assert found.p[0] == pytest.approx(mcnemar_p(15, 5), abs=0.003)
    assert found.p[0] != pytest.approx(mcnemar_p(15, 5, mid=True), abs=0.005)
    everything = sign_flip(differences, flips=1 << 20)
    assert everything.exact
    assert everything.p[0] == pytest.approx(mcnemar_p(15, 5), rel=1e-9)


def test_adjustment_that_knows_the_dependence_asks_for_less_than_bonferroni():
    rng = np.random.default_rng(0)
    found = sign_flip(correlated(500, 75, rng), flips=4000)
    bonferroni = normal_quantile(1 - 0.05 / 75)
    assert bonferroni == pytest.approx(3.403, abs=5e-4)
    assert found.critical < bonferroni - 0.2
    apart = sign_flip(rng.normal(size=(500, 75)), flips=4000)
    # Without dependence there is nothing to gain.
    assert apart.critical == pytest.approx(bonferroni, abs=0.1)


def test_any_false_rejection_is_as_rare_as_it_should_be_and_unadjusted_ones_are_not():
    rng = np.random.default_rng(1)
    found = [sign_flip(correlated(60, 20, rng), flips=400, seed=each) for each in range(400)]
    assert np.mean([each.adjusted.min() <= 0.05 for each in found]) < 0.08
    assert np.mean([each.p.min() <= 0.05 for each in found]) > 0.12


def test_adjusted_p_is_never_below_the_own_one_and_equal_for_one_cell():
    rng = np.random.default_rng(2)
    many = sign_flip(correlated(100, 9, rng, shift=0.2), flips=2000)
    assert np.all(many.adjusted >= many.p)
    one = sign_flip(rng.normal(size=(100, 1)), flips=2000)
    assert one.adjusted == one.p
    assert one.critical == pytest.approx(1.96, abs=0.12)


def test_a_cell_without_any_difference_is_no_evidence_and_does_not_disturb_the_others():
    rng = np.random.default_rng(3)
    differences = rng.normal(size=(50, 1)) + 0.5
    with_still = sign_flip(np.hstack([differences, np.zeros((50, 1))]))
    assert with_still.p[1] == with_still.adjusted[1] == 1.0
    assert with_still.adjusted[0] == sign_flip(differences).adjusted[0]


def test_no_difference_anywhere():
    found = sign_flip(np.zeros((5, 2)))
    assert found.p.tolist() == [1.0, 1.0]
    assert found.critical == 0.0


def test_the_same_call_gives_the_same_numbers():
    differences = correlated(100, 3, np.random.default_rng(4))
    first, second = (sign_flip(differences, seed=7) for _ in range(2))
    assert first.p.tolist() == second.p.tolist()
    assert first.p.tolist() != sign_flip(differences, seed=8).p.tolist()


def test_75_cells_of_500_samples_take_well_below_a_second():
    differences = correlated(500, 75, np.random.default_rng(5))
    start = time.process_time()
    sign_flip(differences, flips=2000)
    assert time.process_time() - start < 0.9


@pytest.mark.parametrize("differences", [np.zeros((0, 3)), np.zeros(4), np.array([[np.nan]])])
def test_what_is_no_table_of_differences_is_refused(differences):
    with pytest.raises(robustkit.DataError, match="differences"):
        sign_flip(differences)
