"""Intervals for a proportion, a mean, a difference of means, and any statistic of resampled data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robustkit.analysis.statistics.checked import number, whole
from robustkit.errors import DataError

LEVEL = 0.95
_BLOCK = 1 << 20  # counts drawn at once: 8 MiB, about what a processor's cache holds
_KEPT = 1 << 26  # counts that are kept for the next interval: 64 MiB


def wilson_interval(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a proportion, (low, high) within [0, 1].

    Source: Wilson (1927), without continuity correction.

    Args:
        successes: 0..n.
        n: number of independent trials, at least 1.
        level: how often the interval is to cover the proportion, between 0 and 1.

    Raises:
        DataError: the counts are not 0 <= successes <= n with n >= 1, or the level is not between 0 and 1.

    >>> low, high = wilson_interval(81, 263)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    level = number("level", level, 0, 1, inside=True)
    if not number("n", n) >= 1 or not 0 <= number("successes", successes) <= n:
        raise DataError(
            f"expected 0 <= successes <= n and n >= 1, got successes={successes}, n={n}",
            "an interval of a proportion needs at least one sample",
        )
    z = normal_quantile(level)
    share, weight = successes / n, n / (n + z**2)
    centre = weight * share + (1 - weight) / 2
    half = weight * z * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # Exact at the ends, where rounding would put the proportion itself a hair outside.
    return (centre - half if successes else 0.0), (centre + half if successes < n else 1.0)


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided normal interval of this level reaches to either side.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    # scipy.special, not scipy.stats: the latter takes as long to import as half of torch.
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def mean_interval(values: ArrayLike) -> tuple[float | None, float | None]:
    """Return Student's 95 % t-interval of the mean, (low, high), or (None, None) for a single value.

    Args:
        values: (n,) independent finite values, n >= 1.

    Raises:
        DataError: there is no value, the shape is not (n,), or a value is not finite.

    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> round(low, 4), round(high, 4)
    (-0.4841, 4.4841)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise DataError(
            f"expected at least one finite value in one dimension, got shape {array.shape} with "
            f"{np.count_nonzero(~np.isfinite(array))} non-finite value(s)",
            "look at the samples that these values come from",
        )
    if array.size == 1:
        return None, None
    from scipy.special import stdtrit

    centre = float(array.mean())
    half = float(stdtrit(array.size - 1, (1 + LEVEL) / 2)) * float(array.std(ddof=1)) / float(np.sqrt(array.size))
    return centre - half, centre + half


def welch_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of mean(a) − mean(b) for unequal variances, (low, high), or None without variance.

    Without variance on either side the interval would be a point, which claims certainty that no few seeds give.

    Source: Welch (1947), with Satterthwaite's degrees of freedom. Each side needs two values.

    >>> low, high = welch_interval([1.0, 2.0, 3.0], [1.0, 1.5, 2.0])
    >>> round(low, 4), round(high, 4)
    (-1.5777, 2.5777)
    """
    from scipy.special import stdtrit

    if all(min(each) == max(each) for each in (a, b)):
        return None
    shares = [float(np.var(each, ddof=1)) / len(each) for each in (a, b)]
    gap, variance = float(np.mean(a) - np.mean(b)), sum(shares)
    freedom = variance**2 / sum(share**2 / (len(each) - 1) for share, each in zip(shares, (a, b), strict=True))
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * sqrt(variance)
    return gap - half, gap + half


def bootstrap_interval(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    n: int,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a statistic, (low, high).

    The statistic sees how often each unit was drawn, not the drawn units, so that what is a function of weighted sums
    is a matrix product over all resamples of a block. Where samples come in clusters, let the clusters be the units.

    Source: Efron & Tibshirani (1993), chapter 13. Not corrected for bias or skewness: a biased statistic has a biased
    interval. Draws come from a generator of its own, so equal arguments give equal intervals.

    Args:
        statistic: maps (R, n) counts, each row with sum n, to (R,) values.
        n: number of independent units, at least 1.
        resamples: number of bootstrap samples, at least 1.
        seed: of the generator, numpy's PCG64.

    Raises:
        DataError: `n`, `resamples` or `seed` is no whole number in its range, or the statistic is not finite in some
            resample, so that it has no quantiles; `bootstrap_draws` returns what it was.

    >>> values = np.array([1.0, 2.0, 4.0, 8.0])
    >>> bootstrap_interval(lambda counts: counts @ values / len(values), len(values))
    (1.5, 6.5)
    """
    values = bootstrap_draws(statistic, n, resamples=resamples, seed=seed)
    undefined = np.count_nonzero(~np.isfinite(values))
    if undefined:
        raise DataError(
            f"expected a statistic that is finite in every resample, got {undefined} of {values.size} that are not",
            "bootstrap_draws returns them all; give more samples, or say that there is no interval",
        )
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap_draws(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int, *, resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Return the values of a statistic in every resample, (R, …), of which `bootstrap_interval` takes the quantiles.

    Args:
        statistic: maps (R, n) counts to (R, …) values; several quantities together see the same resamples.
        n: number of independent units, at least 1.
        resamples: number of bootstrap samples, at least 1.
        seed: of the generator.

    Raises:
        DataError: `n`, `resamples` or `seed` is no whole number in its range.

    >>> draws = bootstrap_draws(lambda counts: counts @ np.array([[1.0, 2.0], [3.0, 4.0]]) / 2, 2, resamples=5)
    >>> draws.shape, bool(np.all(draws[:, 1] - draws[:, 0] == 1))
    ((5, 2), True)
    """
    n, resamples, seed = whole("n", n, 1), whole("resamples", resamples, 1), whole("seed", seed, 0)
    drawn = (n, resamples, seed, max(1, _BLOCK // n))
    blocks: Iterable[NDArray[Any]] = _kept_counts(*drawn) if n * resamples <= _KEPT else _draw_counts(*drawn)
    return np.concatenate([statistic(counts.astype(np.float64)) for counts in blocks])


def _draw_counts(n: int, resamples: int, seed: int, rows: int) -> Iterator[NDArray[Any]]:
    """Yield how often each unit was drawn, in blocks of so many resamples."""
    rng = np.random.default_rng(seed)
    for done in range(0, resamples, rows):
        size = min(rows, resamples - done)
        drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        yield counts.astype(np.min_scalar_type(counts.max()))


@lru_cache(maxsize=1)
def _kept_counts(n: int, resamples: int, seed: int, rows: int) -> tuple[NDArray[Any], ...]:
    """Return what `_draw_counts` yields; all cells of a run, with as many samples each, ask for the same."""
    return tuple(_draw_counts(n, resamples, seed, rows))
