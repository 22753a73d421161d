"""How far the best is ahead of each other model, on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from robustkit.analysis.comparison.comparison import Comparison, Difference
from robustkit.analysis.comparison.members import Member
from robustkit.analysis.comparison.scopes import Seeds
from robustkit.analysis.comparison.shares import correct_shares
from robustkit.analysis.statistics.resample import bootstrap_means
from robustkit.analysis.statistics.seeds import seed_difference


def find_gaps(
    comparison: Comparison, teams: Mapping[str, Sequence[Member]], seeds: Seeds
) -> dict[tuple[str, str], Difference]:
    """Return, for each headline scope and each subject but the best, how far the best is ahead.

    Two groups of training seeds are compared by a t-interval over seeds and samples; otherwise the percentile bootstrap
    resamples samples, the same for both, which leaves the variation of training out.
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
            interval = _over_seeds([teams[each] for each in (name, best)], conditions, seeds)
            if interval is not None:
                # Accuracies cannot differ by more than 1.
                ends[name] = (max(interval[0], -1.0), min(interval[1], 1.0), "seeds-and-samples-t")
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


def _over_seeds(
    groups: Sequence[Sequence[Member]], conditions: Sequence[str], seeds: Seeds
) -> tuple[float, float] | None:
    """Return the interval of how far the second group of training seeds is ahead; None without records or variance."""
    shares = [[correct_shares([member], conditions, seeds) for member in group] for group in groups]
    known = [[each for each in group if each is not None] for group in shares]
    shapes = {each.shape for group in known for each in group}
    if len(shapes) != 1 or any(len(some) != len(all_) for some, all_ in zip(known, shares, strict=True)):
        return None
    first, second = (np.stack(group) for group in known)
    return seed_difference(first, second).interval() if first.shape[1] > 1 else None
