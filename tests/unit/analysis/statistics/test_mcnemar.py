from __future__ import annotations

import pytest
from scipy import stats

import robustkit
from robustkit.analysis.statistics.mcnemar import mcnemar_p

# Fagerland, Lydersen & Laake (2013), BMC Med. Res. Methodol. 13:91, give exact and mid-p as binomial tails; the values
# for the table [[60, 15], [5, 20]] are statsmodels 0.15's `mcnemar(exact=True)`, and half the point probability less.
LOST, GAINED = 15, 5
CHI_SQUARE, CHI_SQUARE_CORRECTED = 0.025347, 0.044171


def test_exact_and_mid_p_of_the_reference_table():
    assert mcnemar_p(LOST, GAINED) == pytest.approx(0.041389, abs=5e-7)
    assert mcnemar_p(LOST, GAINED, mid=True) == pytest.approx(0.026604, abs=5e-7)


@pytest.mark.parametrize("approximation", [CHI_SQUARE, CHI_SQUARE_CORRECTED])
def test_neither_is_a_chi_square_approximation(approximation):
    assert mcnemar_p(LOST, GAINED) != pytest.approx(approximation, abs=1e-4)
    assert mcnemar_p(LOST, GAINED, mid=True) != pytest.approx(approximation, abs=1e-4)


def test_exact_p_is_scipys_binomial_test():
    for lost in range(12):
        for gained in range(1, 12):
            expected = stats.binomtest(lost, lost + gained).pvalue
            assert mcnemar_p(lost, gained) == pytest.approx(expected, rel=1e-12)


def test_p_does_not_depend_on_which_model_comes_first():
    assert mcnemar_p(3, 11) == mcnemar_p(11, 3)
    assert mcnemar_p(3, 11, mid=True) == mcnemar_p(11, 3, mid=True)


@pytest.mark.parametrize("each", [0, 1, 2, 50])
def test_as_many_lost_as_gained_is_no_evidence_at_all(each):
    assert mcnemar_p(each, each) == 1.0
    assert mcnemar_p(each, each, mid=True) == pytest.approx(1.0)


def test_many_samples_do_not_overflow():
    normal = 2 * stats.norm.sf(1000 / 100_000**0.5)
    assert mcnemar_p(50_500, 49_500, mid=True) == pytest.approx(normal, rel=1e-3)
    assert mcnemar_p(50_500, 49_500) == pytest.approx(stats.binomtest(50_500, 100_000).pvalue, rel=1e-9)


def test_negative_counts_are_refused():
    with pytest.raises(robustkit.DataError, match="lost=-1"):
        mcnemar_p(-1, 3)
