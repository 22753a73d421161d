from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import robustkit

# Newcombe (1998), Two-sided confidence intervals for the single proportion, Statist. Med. 17, table I, method 3
# (score without continuity correction).
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]

# Student (1908), The probable error of a mean: hours of extra sleep, as R's `sleep$extra`. `t.test(sleep$extra)` prints
# the interval 0.5955845 2.4844155.
SLEEP = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0, 1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


@pytest.mark.parametrize(("successes", "n", "low", "high"), NEWCOMBE)
def test_wilson_agrees_with_published_intervals(successes, n, low, high):
    assert robustkit.wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_not_the_normal_approximation():
    share = 81 / 263
    half = 1.959964 * (share * (1 - share) / 263) ** 0.5
    assert robustkit.wilson_interval(81, 263) != pytest.approx((share - half, share + half), abs=5e-5)


def test_wilson_is_symmetric_in_successes_and_failures():
    low, high = robustkit.wilson_interval(28, 29)
    assert (1 - high, 1 - low) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_wilson_always_contains_the_proportion_and_stays_within_zero_and_one():
    for n in range(1, 120):
        for successes in range(n + 1):
            low, high = robustkit.wilson_interval(successes, n)
            assert 0 <= low <= successes / n <= high <= 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(successes, n):
    with pytest.raises(robustkit.DataError, match=f"successes={successes}, n={n}"):
        robustkit.wilson_interval(successes, n)


def test_mean_interval_agrees_with_students_sleep_data():
    assert robustkit.mean_interval(SLEEP) == pytest.approx((0.5955845, 2.4844155), abs=5e-8)


def test_mean_interval_uses_t_and_not_the_normal_quantile():
    values = np.array(SLEEP)
    half = 1.959964 * values.std(ddof=1) / len(values) ** 0.5
    assert robustkit.mean_interval(SLEEP)[0] != pytest.approx(values.mean() - half, abs=1e-3)


def test_mean_of_one_value_has_no_interval():
    assert robustkit.mean_interval([0.3]) == (None, None)


def test_mean_of_equal_values_has_an_interval_of_no_width():
    assert robustkit.mean_interval(np.full(9, 0.25)) == (0.25, 0.25)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf, 0.0], [[1.0, 2.0]]])
def test_mean_interval_refuses_what_has_no_mean(values):
    with pytest.raises(robustkit.DataError, match="finite"):
        robustkit.mean_interval(values)


def weighted_mean(values):
    return lambda counts: counts @ values / len(values)


def test_bootstrap_agrees_with_scipys_percentile_bootstrap():
    values = np.random.default_rng(3).exponential(size=200)
    reference = stats.bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(4))
    low, high = robustkit.bootstrap_interval(weighted_mean(values), 200, resamples=5000)
    width = reference.confidence_interval.high - reference.confidence_interval.low
    assert (low, high) == pytest.approx(tuple(reference.confidence_interval), abs=0.06 * width)


def test_bootstrap_of_the_mean_covers_about_95_percent():
    rng = np.random.default_rng(5)
    samples = rng.normal(2.0, 1.0, size=(400, 60))
    intervals = [
        robustkit.bootstrap_interval(weighted_mean(sample), 60, resamples=300, seed=seed)
        for seed, sample in enumerate(samples)
    ]
    covered = sum(low <= 2.0 <= high for low, high in intervals)
    # Binomial(400, .94) lies within 362..389 with probability 0.997; the percentile interval is a little short at n=60.
    assert 362 <= covered <= 389


def test_bootstrap_counts_are_resamples_of_n_units():
    seen = []

    def record(counts):
        seen.append(counts)
        return counts[:, 0]

    robustkit.bootstrap_interval(record, 7, resamples=500)
    counts = np.concatenate(seen)
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    # Each count is Binomial(7, 1/7): mean 1, variance 6/7; 3,500 of them.
    assert counts.var() == pytest.approx(6 / 7, rel=0.1)


def test_bootstrap_in_several_blocks_draws_every_resample_anew(monkeypatch):
    monkeypatch.setattr("robustkit.analysis.statistics.intervals._BLOCK", 700)
    sizes, first = [], []

    def record(counts):
        sizes.append(len(counts))
        first.append(counts[0])
        return counts[:, 0]

    robustkit.bootstrap_interval(record, 100, resamples=30)
    assert sizes == [7, 7, 7, 7, 2]
    assert not np.array_equal(first[0], first[1])


def test_bootstrap_repeats_itself_and_depends_on_its_seed():
    values = np.arange(50.0)
    once, again, other = (robustkit.bootstrap_interval(weighted_mean(values), 50, seed=seed) for seed in (0, 0, 1))
    assert once == again
    assert once != other


def test_bootstrap_counts_that_are_kept_are_those_that_would_be_drawn(monkeypatch):
    def once():
        seen = []
        robustkit.bootstrap_interval(lambda counts: seen.append(counts.copy()) or counts[:, 0], 40, resamples=20)
        return np.concatenate(seen)

    kept, again = once(), once()
    monkeypatch.setattr("robustkit.analysis.statistics.intervals._KEPT", 799)
    drawn = once()
    rng = np.random.default_rng(0)
    by_hand = [np.bincount(row, minlength=40) for row in rng.integers(40, size=(20, 40))]
    for counts in (kept, again, drawn):
        assert counts.dtype == np.float64
        assert np.array_equal(counts, by_hand)


def test_a_bootstrap_statistic_that_changes_its_counts_changes_no_other_interval():
    def vandal(counts):
        counts *= 0
        return counts[:, 0]

    statistic = weighted_mean(np.arange(30.0))
    before = robustkit.bootstrap_interval(statistic, 30)
    assert robustkit.bootstrap_interval(vandal, 30) == (0.0, 0.0)
    assert robustkit.bootstrap_interval(statistic, 30) == before


def test_bootstrap_leaves_the_global_generator_alone():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    robustkit.bootstrap_interval(weighted_mean(np.arange(5.0)), 5)
    assert np.array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize(("n", "resamples"), [(0, 10), (5, 0)])
def test_bootstrap_refuses_nothing_to_draw(n, resamples):
    with pytest.raises(robustkit.DataError, match=r">= 1, got (n|resamples)=0"):
        robustkit.bootstrap_interval(weighted_mean(np.zeros(n)), n, resamples=resamples)


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 20), (3, 7), (1627, 2000), (10_000, 10_000)])
def test_wilson_equals_scipys(successes: int, n: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert robustkit.wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_mean_interval_equals_scipys() -> None:
    from scipy.stats import t

    values = np.random.default_rng(0).normal(size=17)
    expected = t.interval(0.95, 16, values.mean(), values.std(ddof=1) / np.sqrt(17))
    assert robustkit.mean_interval(values) == pytest.approx(expected, rel=1e-9)
