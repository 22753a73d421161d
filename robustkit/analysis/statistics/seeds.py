"""Training seeds and samples together: the nested variance, and the hierarchical bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.checked import finite_array, whole
from robustkit.analysis.statistics.intervals import LEVEL, bootstrap_draws
from robustkit.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SeedDifference:
    """A difference of two groups of training seeds, on the same samples.

    Attributes:
        value: mean of the second group minus mean of the first.
        seeds: part of the variance that comes from the choice of training seeds.
        samples: part that comes from the choice of samples.
        freedom: Satterthwaite's degrees of freedom of their sum.
    """

    value: float
    seeds: float
    samples: float
    freedom: float

    @property
    def error(self) -> float:
        """Standard error over seeds and samples."""
        return float(np.sqrt(self.seeds + self.samples))

    @property
    def p(self) -> float:
        """Two-sided p of no difference, by Student's t; 1 where there is no variance."""
        from scipy.special import stdtr

        return 2 * float(stdtr(self.freedom, -abs(self.value) / self.error)) if self.error else 1.0

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Return the t-interval, (low, high), or None without variance."""
        from scipy.special import stdtrit

        if not self.error:
            return None
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * self.error
        return self.value - half, self.value + half


def seed_difference(first: Array, second: Array) -> SeedDifference:
    """Return how the means of two groups of training seeds differ, with a variance over seeds and over samples.

    Var = S1²/k1 + S2²/k2 + Var(d)/n: S² over the seeds' means, d each sample's difference of means over seeds. What
    single seeds make of single samples is counted in both parts, which errs to the safe side: in simulations with 2 to
    10 seeds the interval covers 94 to 98 %, where the percentiles of a hierarchical bootstrap cover 71 to 93 % if the
    seeds dominate, and, with 3 or more seeds, Welch's interval over them 60 to 90 % if the samples do.

    Args:
        first: (k1, n) results by seed and sample, k1 >= 2.
        second: (k2, n) of the same samples, k2 >= 2.

    Raises:
        DataError: a group has fewer than two seeds, the samples are not the same or fewer than two, or a number is not
            finite.

    >>> found = seed_difference(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]))
    >>> found.value, found.seeds, found.samples
    (-0.5, 0.125, 0.25)
    """
    first, second = _checked((first, second), least=2)
    if first.ndim != 2 or second.ndim != 2:
        raise DataError(
            f"expected (seeds, samples), got shapes {first.shape} and {second.shape}", "give one cell at a time"
        )
    n = first.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        of_seeds = [float(each.mean(axis=1).var(ddof=1)) / len(each) for each in (first, second)]
        of_samples = float((second.mean(axis=0) - first.mean(axis=0)).var(ddof=1)) / n
    total = sum(of_seeds) + of_samples
    if not np.isfinite(total):
        raise DataError(f"expected results with a finite variance, got {total}", "give them in a larger unit")
    parts = [(part, len(each) - 1) for part, each in zip(of_seeds, (first, second), strict=True)]
    # Shares of the sum, as their squares neither over- nor underflow.
    below = sum((part / total) ** 2 / freedom for part, freedom in [*parts, (of_samples, n - 1)]) if total else 0.0
    return SeedDifference(
        value=float(second.mean() - first.mean()),
        seeds=sum(of_seeds),
        samples=of_samples,
        freedom=1 / below if below else float(n - 1),
    )


def hierarchical_draws(groups: Sequence[Array], *, resamples: int = 1000, seed: int = 0) -> list[Array]:
    """Return each group's mean in every resample of seeds and samples, (R,) or (R, K) each.

    Every group's seeds are resampled apart, the samples are the same for all groups and cells. The percentiles of what
    follows from these means are an interval; with fewer than about ten seeds it is too narrow where seeds matter, and
    of a difference of means `seed_difference` has a better one.

    Source: Davison & Hinkley (1997), section 3.8.

    Args:
        groups: each (k, n) or (k, n, K): by seed, sample and perhaps cell; all of the same samples.
        resamples: how many.
        seed: of the generators.

    Raises:
        DataError: there is no group, one is empty, the samples are not the same, a number is not finite, or
            `resamples` or `seed` is no whole number in its range.

    >>> a, b = hierarchical_draws([np.array([[0.0, 1.0], [1.0, 1.0]]), np.ones((3, 2))], resamples=4)
    >>> a.shape, b.tolist()
    ((4,), [1.0, 1.0, 1.0, 1.0])
    """
    groups = _checked(groups, least=1)
    resamples, seed = whole("resamples", resamples, 1), whole("seed", seed, 0)
    n = groups[0].shape[1]
    rng = np.random.default_rng((seed, 1))
    of_seeds = [rng.multinomial(len(each), np.full(len(each), 1 / len(each)), resamples) / len(each) for each in groups]
    flat = np.concatenate([each.swapaxes(0, 1).reshape(n, -1) for each in groups], axis=1)
    means = bootstrap_draws(lambda counts: counts @ flat / n, n, resamples=resamples, seed=seed)
    found, start = [], 0
    for each, weights in zip(groups, of_seeds, strict=True):
        width = each.size // n
        by_seed = means[:, start : start + width].reshape(resamples, len(each), *each.shape[2:])
        found.append(np.einsum("rk,rk...->r...", weights, by_seed))
        start += width
    return found


def _checked(groups: Sequence[Array], least: int) -> list[Array]:
    arrays = [finite_array(f"group {place}", each) for place, each in enumerate(groups)]
    shapes = [each.shape for each in arrays]
    fits = shapes and all(len(shape) >= 2 and shape[0] >= least and shape[1] >= least for shape in shapes)
    if not fits or len({shape[1] for shape in shapes}) > 1:
        raise DataError(
            f"expected groups of {least} or more seeds on the same samples, got shapes {shapes}",
            "give each as (seeds, samples)",
        )
    return arrays
