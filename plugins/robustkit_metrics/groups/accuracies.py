"""Accuracy group by group, the worst of them, and what the worst is by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.segments import Segments

Floats = NDArray[np.float64]
FEWEST = 10
"""Samples of the worst group below which its accuracy is unreliable: robustkit's choice."""

_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Grouped:
    """Samples in groups.

    Attributes:
        right: (n,) whether each sample is right, n >= 1.
        segments: by group.
    """

    right: NDArray[np.bool_]
    segments: Segments

    @classmethod
    def of(cls, right: NDArray[np.bool_], group: NDArray[Any]) -> Grouped:
        """Return samples with their (n,) groups, sorted: so the bootstrap does not depend on their order."""
        order = np.lexsort((right, group))
        return cls(right[order], Segments.of(group[order]))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(groups,) samples of each group, none of them 0."""
        return self.segments.sums(np.ones(len(self.right))).astype(np.int64)

    @property
    def rights(self) -> NDArray[np.int64]:
        """(groups,) right samples of each group."""
        return self.segments.sums(self.right).astype(np.int64)

    def accuracies(self, counts: NDArray[Any]) -> Floats:
        """Return (R, groups) accuracies in resamples, whose (R, n) counts are given; NaN where no sample was drawn."""
        sizes = self.segments.sums(counts)
        out = np.full(sizes.shape, np.nan)
        np.divide(self.segments.sums(counts * self.right), sizes, out=out, where=sizes > 0)
        return out

    def interval(self, statistic: Callable[[Floats], Floats]) -> tuple[float | None, float | None]:
        """Return the percentile bootstrap interval, over samples, of a function from (R, groups) accuracies to (R,).

        (None, None) where a resample leaves nothing to compute the statistic from.
        """
        ends = robustkit.bootstrap_interval(lambda counts: statistic(self.accuracies(counts)), len(self.right))
        return ends if np.isfinite(ends).all() else (None, None)


def chance_worst(sizes: NDArray[np.int64], share: float) -> float:
    """Return the expected accuracy of the worst of several groups that are all equally accurate: its selection effect.

    The smallest of several estimates is below their common mean, the more so the more and the smaller the groups are.
    Mean over 1,000 draws of binomial counts, seed 0.

    Args:
        sizes: (groups,) samples of each group, at least 1.
        share: the accuracy that they have in common.

    >>> chance_worst(np.array([10_000_000]), 0.5) > 0.499, chance_worst(np.full(50, 20), 0.5) < 0.3
    (True, True)
    """
    drawn = np.random.default_rng(0).binomial(sizes, share, size=(_DRAWS, len(sizes)))
    return float((drawn / sizes).min(axis=1).mean())


def worst_parts(
    right: NDArray[np.bool_],
    group: NDArray[np.intp],
    names: Sequence[str],
    *,
    what: str,
    spec: str = "",
    note: str = "",
) -> dict[str, robustkit.Estimate]:
    """Return the worst group's accuracy, what it lacks to the mean over groups, that mean, and each group's accuracy.

    Intervals: Wilson's for each group; for the rest the percentile bootstrap over samples, in which each resample has
    a worst group of its own. As the minimum is biased downward, so is its interval; `chance` says by how much equally
    accurate groups of these sizes would differ.

    Args:
        right: (n,) whether each sample is right; n >= 1.
        group: (n,) the place of its group in `names`.
        names: of all groups; one without samples is listed as undefined.
        what: what a group is called in notes: `group`, `class`.
        spec: what exactly was computed.
        note: what else is to be said of all of it.
    """
    grouped = Grouped.of(right, group)
    sizes, rights = grouped.sizes, grouped.rights
    accuracies = rights / sizes
    worst, mean = int(accuracies.argmin()), float(accuracies.mean())
    low, fewest = float(accuracies[worst]), int(sizes[worst])
    share = float(right.mean())
    name = names[int(grouped.segments.groups[worst])]
    few = f"the worst of {len(sizes)} is {name} with n = {fewest}, little to go by" if fewest < FEWEST else ""
    said = "; ".join(filter(None, [few, note]))
    expected = chance_worst(sizes, share)

    def part(value: float, statistic: Callable[[Floats], Floats], **more: Any) -> robustkit.Estimate:
        ends = grouped.interval(statistic)
        return robustkit.Estimate(
            value=value, ci_low=ends[0], ci_high=ends[1], interval="bootstrap", spec=spec, **{"n": len(right), **more}
        )

    def smallest(found: Floats) -> Floats:
        return np.asarray(np.nanmin(found, axis=1))

    def average(found: Floats) -> Floats:
        return np.asarray(np.nanmean(found, axis=1))

    return {
        "worst": part(low, smallest, n=fewest, note=said, unreliable=bool(few), chance=expected),
        "gap": part(mean - low, lambda found: average(found) - smallest(found), chance=share - expected),
        f"average-of-{_plural(what)}": part(mean, average, note=note),
        **_each(grouped, names, what, spec),
    }


def _each(grouped: Grouped, names: Sequence[str], what: str, spec: str) -> dict[str, robustkit.Estimate]:
    place = {int(group): at for at, group in enumerate(grouped.segments.groups)}
    sizes, rights = grouped.sizes, grouped.rights
    found = {}
    for code, name in enumerate(names):
        if code not in place:
            note = f"undefined: no evaluated sample is of this {what}"
            found[name] = robustkit.Estimate(value=None, n=0, note=note, spec=spec)
            continue
        count, n = int(rights[place[code]]), int(sizes[place[code]])
        low, high = robustkit.wilson_interval(count, n)
        found[name] = robustkit.Estimate(value=count / n, n=n, ci_low=low, ci_high=high, interval="wilson", spec=spec)
    return found


def _plural(what: str) -> str:
    return f"{what}es" if what.endswith("s") else f"{what}s"
