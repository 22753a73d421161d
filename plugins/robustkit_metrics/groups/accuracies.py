"""Accuracy group by group, the worst of them, and what the worst is by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit

Floats = NDArray[np.float64]
Ends = tuple[float, float]

FEWEST = 10
"""Samples of the worst group below which its accuracy is unreliable: robustkit's choice."""

LEVEL = 0.95
_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """How many samples of each group there are, and how many of them are right.

    Attributes:
        groups: (G,) the groups that have a sample, ascending.
        sizes: (G,) samples of each, at least 1.
        rights: (G,) right samples of each.
    """

    groups: NDArray[Any]
    sizes: NDArray[np.int64]
    rights: NDArray[np.int64]

    @classmethod
    def of(cls, right: NDArray[np.bool_], group: NDArray[Any]) -> GroupCounts:
        """Return the counts of (n,) samples, n >= 1."""
        groups, place = np.unique(group, return_inverse=True)
        sizes = np.bincount(place, minlength=len(groups))
        return cls(groups, sizes, np.bincount(place[right], minlength=len(groups)))

    @property
    def accuracies(self) -> Floats:
        """(G,) share of right samples of each."""
        return np.asarray(self.rights / self.sizes)

    def intervals(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Return (G,) lower and (G,) upper ends of Wilson's interval of each accuracy."""
        from scipy.special import ndtri

        square = float(ndtri((1 + level) / 2)) ** 2
        share, n = self.accuracies, self.sizes
        centre = (share + square / (2 * n)) / (1 + square / n)
        half = np.sqrt(square * (share * (1 - share) / n + square / (4 * n**2))) / (1 + square / n)
        # Exact at the ends, where rounding would put the share itself a hair outside.
        low = np.where(self.rights == 0, 0.0, centre - half)
        return low, np.where(self.rights == n, 1.0, centre + half)


def mean_interval_of(counts: GroupCounts) -> Ends:
    """Return the 95 % interval of the mean accuracy over groups, each with the same weight.

    From Wilson's intervals of the groups, by the method of variance estimates recovery: the squared distances of their
    ends from the estimates add up as variances do. Unlike a bootstrap it has a width where all groups are at 0 or 1.

    Source: Zou and Donner (2008), Construction of confidence limits about effect measures, section 2.

    >>> low, high = mean_interval_of(GroupCounts(np.array([0]), np.array([50]), np.array([0])))
    >>> round(low, 6), round(high, 6)
    (0.0, 0.071348)
    """
    low, high = counts.intervals()
    share, groups = counts.accuracies, len(counts.sizes)
    below, above = (sqrt(float(np.square(end - share).sum())) / groups for end in (low, high))
    return max(float(share.mean()) - below, 0.0), min(float(share.mean()) + above, 1.0)


def worst_interval(counts: GroupCounts) -> Ends:
    """Return a 95 % interval of the lowest of the groups' accuracies, whichever group it is.

    The lowest of the lower ends and the lowest of the upper ends of Wilson's intervals, which hold for all groups at
    once by Sidak's level: then the lowest accuracy is above the one and below each of the others. So it allows for the
    selection of the minimum. It is cautious, and small groups make it wide: they may be the worst without showing it.
    (robustkit's choice)

    >>> low, high = worst_interval(GroupCounts(np.array([0]), np.array([100]), np.array([76])))
    >>> round(low, 6), round(high, 6)
    (0.667677, 0.833087)
    """
    low, high = counts.intervals(LEVEL ** (1 / len(counts.sizes)))
    return float(low.min()), float(high.min())


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

    See `worst_interval` and `mean_interval_of`; the interval of the gap joins the two as their variances would, as if
    they were independent, which makes it wide. `chance` of the worst and of the gap is what they would be were all
    groups equally accurate: a minimum is below the mean even then. All three are unreliable where the worst group has
    few samples; there is no gap where one group alone has any.

    Args:
        right: (n,) whether each sample is right; n >= 1.
        group: (n,) the place of its group in `names`.
        names: of all groups; one without samples is listed as undefined.
        what: what a group is called in notes: `group`, `class`.
        spec: what exactly was computed.
        note: what else is to be said of all of it.
    """
    counts = GroupCounts.of(right, group)
    accuracies, place = counts.accuracies, int(counts.accuracies.argmin())
    worst, mean, fewest = float(accuracies[place]), float(accuracies.mean()), int(counts.sizes[place])
    name = names[int(counts.groups[place])]
    few = f"the worst of {len(accuracies)} is {name} with n = {fewest}, little to go by" if fewest < FEWEST else ""
    share = float(right.mean())
    expected = chance_worst(counts.sizes, share)
    (low, high), (mean_low, mean_high) = worst_interval(counts), mean_interval_of(counts)
    said = "; ".join(filter(None, [few, note]))
    return {
        "worst": robustkit.Estimate(
            value=worst,
            n=fewest,
            ci_low=low,
            ci_high=high,
            interval="wilson-simultaneous",
            note=said,
            unreliable=bool(few),
            chance=expected,
            spec=spec,
        ),
        "gap": _gap(counts, what, spec=spec, few=few, chance=share - expected),
        f"average-of-{_plural(what)}": robustkit.Estimate(
            value=mean,
            n=len(right),
            ci_low=mean_low,
            ci_high=mean_high,
            interval="mover",
            note=said,
            unreliable=bool(few),
            spec=spec,
        ),
        **_each(counts, names, what, spec),
    }


def _gap(counts: GroupCounts, what: str, *, spec: str, few: str, chance: float) -> robustkit.Estimate:
    """Return how far the worst group is below the mean over groups."""
    n, mean, worst = int(counts.sizes.sum()), float(counts.accuracies.mean()), float(counts.accuracies.min())
    if len(counts.groups) < 2:
        note = f"undefined: one {what} alone has samples, which is the worst and the mean"
        return robustkit.Estimate(value=None, n=n, note=note, spec=spec)
    (low, high), (mean_low, mean_high) = worst_interval(counts), mean_interval_of(counts)
    below = sqrt((mean - mean_low) ** 2 + (high - worst) ** 2)
    above = sqrt((mean_high - mean) ** 2 + (worst - low) ** 2)
    gap = mean - worst
    return robustkit.Estimate(
        value=gap,
        n=n,
        ci_low=max(gap - below, 0.0),
        ci_high=min(gap + above, 1.0),
        interval="mover",
        note=few,
        unreliable=bool(few),
        chance=chance,
        spec=spec,
    )


def _each(counts: GroupCounts, names: Sequence[str], what: str, spec: str) -> dict[str, robustkit.Estimate]:
    place = {int(group): at for at, group in enumerate(counts.groups)}
    found = {}
    for code, name in enumerate(names):
        if code not in place:
            note = f"undefined: no evaluated sample is of this {what}"
            found[name] = robustkit.Estimate(value=None, n=0, note=note, spec=spec)
            continue
        count, n = int(counts.rights[place[code]]), int(counts.sizes[place[code]])
        low, high = robustkit.wilson_interval(count, n)
        found[name] = robustkit.Estimate(value=count / n, n=n, ci_low=low, ci_high=high, interval="wilson", spec=spec)
    return found


def _plural(what: str) -> str:
    return f"{what}es" if what.endswith("s") else f"{what}s"
