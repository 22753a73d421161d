"""How far the best is ahead of each other model, on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from robustkit.analysis.comparison import Comparison, Difference
from robustkit.analysis.intervals import LEVEL
from robustkit.analysis.members import Member
from robustkit.analysis.resample import bootstrap_means, correct_shares
from robustkit.analysis.scopes import Seeds


def find_gaps(
    comparison: Comparison, teams: Mapping[str, Sequence[Member]], seeds: Seeds
) -> dict[tuple[str, str], Difference]:
    """Return, for each headline scope and each subject but the best, how far the best is ahead.

    Two groups of training seeds are compared by Welch's t-interval over the seeds; otherwise, and where the seeds of
    both agree exactly, the percentile bootstrap resamples samples, the same for both, which leaves the variation of
    training out.
    """
    found: dict[tuple[str, str], Difference] = {}
    for scope in comparison.headline:
        ranking = comparison.ranking(scope)
        if not ranking:
            continue
        best = ranking[0].name
        others = [each.name for each in ranking[1:]]
        found |= {(scope, name): gap for name, gap in _behind(comparison, scope, best, others, teams, seeds).items()}
    return found


def _behind(
    comparison: Comparison,
    scope: str,
    best: str,
    others: Sequence[str],
    teams: Mapping[str, Sequence[Member]],
    seeds: Seeds,
) -> dict[str, Difference]:
    accuracy = {name: comparison.accuracy[name, scope] for name in (best, *others)}
    gaps = {name: (accuracy[best].value or 0.0) - (accuracy[name].value or 0.0) for name in others}
    ends: dict[str, tuple[float | None, float | None, str]] = {}
    vectors = {}
    conditions = comparison.scopes[scope].conditions
    for name in others:
        if len(teams[best]) > 1 and len(teams[name]) > 1:
            interval = welch_interval(*(_values(accuracy[each].replicates) for each in (best, name)))
            if interval is not None:
                # Accuracies cannot differ by more than 1.
                ends[name] = (max(interval[0], -1.0), min(interval[1], 1.0), "welch")
                continue
        ahead, behind = (correct_shares(teams[each], conditions, seeds) for each in (best, name))
        if ahead is not None and behind is not None and ahead.shape == behind.shape:
            vectors[name] = ahead - behind
    for name, (low, high) in zip(vectors, bootstrap_means(list(vectors.values())), strict=True):
        ends[name] = (low, high, "bootstrap")
    unknown = (None, None, "")
    return {
        name: Difference(value=gap, low=low, high=high, method=method)
        for name, gap in gaps.items()
        for low, high, method in [ends.get(name, unknown)]
    }


def _values(replicates: Sequence[tuple[str, float]]) -> list[float]:
    return [value for _, value in replicates]


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
