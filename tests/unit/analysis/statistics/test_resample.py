"""Means over conditions are means over samples: the samples are what is resampled, with all their conditions."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from robustkit.analysis.comparison.measure import compare_runs
from robustkit.analysis.comparison.runs import read_runs
from robustkit.analysis.statistics.intervals import bootstrap_draws, bootstrap_interval
from robustkit.analysis.statistics.resample import bootstrap_means

N, CELLS = 500, 75


def correlated_results(seed: int = 0) -> np.ndarray:
    """Return (n, cells) right and wrong: samples are hard or easy, and mostly so in all cells."""
    rng = np.random.default_rng(seed)
    easy = rng.normal(0.7, 1.0, size=(N, 1))
    return (easy + 0.6 * rng.normal(size=(N, CELLS)) > 0).astype(np.float64)


def naive_half_width(results: np.ndarray) -> float:
    """What one gets who takes each (sample, cell) as independent of all others."""
    share = results.mean()
    return float(1.959964 * np.sqrt(share * (1 - share) / results.size))


def test_the_interval_of_a_mean_over_75_cells_is_about_six_times_the_naive_one():
    results = correlated_results()
    ((low, high),) = bootstrap_means([results.mean(axis=1)])
    assert naive_half_width(results) == pytest.approx(0.0044, abs=0.0006)
    assert 5 < (high - low) / 2 / naive_half_width(results) < 8


def test_the_naive_interval_does_not_cover_what_it_claims_to_and_the_clustered_one_does():
    truth = np.mean([correlated_results(each).mean() for each in range(1000, 1200)])
    naive, clustered = [], []
    for each in range(150):
        results = correlated_results(each)
        naive.append(abs(results.mean() - truth) <= naive_half_width(results))
        ((low, high),) = bootstrap_means([results.mean(axis=1)])
        clustered.append(low <= truth <= high)
    assert np.mean(naive) < 0.5
    assert 0.9 < np.mean(clustered) <= 1.0


def test_the_mean_over_conditions_of_a_report_has_the_clustered_interval(make_run):
    results = correlated_results().astype(int)
    conditions = {f"c/fog:severity={place + 1}": results[:, place].tolist() for place in range(CELLS)}
    (comparison,) = compare_runs(read_runs([make_run({"net": {"clean": [1] * N, **conditions}})]))
    for scope in ("mean", "family c/fog"):
        measured = comparison.accuracy["net", scope]
        assert (measured.method, measured.over, measured.n) == ("bootstrap", "samples", N)
        assert 5 < (measured.high - measured.low) / 2 / naive_half_width(results) < 8


def test_2000_resamples_of_75_cells_take_well_below_a_second():
    results = correlated_results()
    start = time.process_time()
    draws = bootstrap_draws(lambda counts: counts @ results / N, N, resamples=2000, seed=3)
    assert time.process_time() - start < 0.9
    assert draws.shape == (2000, CELLS)


def test_ten_pairs_have_the_percentiles_of_the_binomial_law_and_not_another_bootstraps():
    # 2.5 % and 97.5 % of Binomial(10, 0.3) are 0 and 6; scipy's BCa, which corrects for skewness, gives (0.1, 0.6).
    values = np.array([1.0] * 3 + [0.0] * 7)
    found = bootstrap_interval(lambda counts: counts @ values / 10, 10, resamples=20_000)
    assert found == pytest.approx((0.0, 0.6))
    bca = stats.bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert (bca.low, bca.high) == pytest.approx((0.1, 0.6))
