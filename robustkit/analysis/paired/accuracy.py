"""Differences of accuracy: on their own, and as the family of hypotheses that they are together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.runs import ACCURACY
from robustkit.analysis.paired.line import Line
from robustkit.analysis.statistics.adjustment import holm
from robustkit.analysis.statistics.equivalence import INTERVAL_LEVEL, tost_paired
from robustkit.analysis.statistics.intervals import LEVEL, normal_quantile
from robustkit.analysis.statistics.mcnemar import mcnemar_p
from robustkit.analysis.statistics.paired_proportions import newcombe_interval
from robustkit.analysis.statistics.power import mcnemar_detectable, mean_detectable
from robustkit.analysis.statistics.resample import bootstrap_means
from robustkit.analysis.statistics.seeds import SeedDifference, seed_difference
from robustkit.analysis.statistics.sign_flip import SignFlip, sign_flip

Array = NDArray[np.float64]
Ends = tuple[float, float] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What both sides made of the shared samples under one scope.

    Attributes:
        line: what is known of it so far: id, kind and title.
        first: (models, n) how often each model of the first side was right.
        second: (models, n) the same of the second.
    """

    line: Line
    first: Array
    second: Array

    @property
    def differences(self) -> Array:
        """(n,) second minus first, by sample."""
        return np.asarray(self.second.mean(axis=0) - self.first.mean(axis=0))

    @property
    def grouped(self) -> bool:
        """Whether both sides have several training seeds."""
        return min(len(self.first), len(self.second)) > 1

    @property
    def counts(self) -> tuple[int, int, int, int] | None:
        """How many samples both, the first alone, the second alone and none get right; None if one can be partly so."""
        if any(len(side) > 1 or not np.isin(side, (0.0, 1.0)).all() for side in (self.first, self.second)):
            return None
        a, b = self.first[0] == 1, self.second[0] == 1
        return int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())


def accuracy_lines(found: Sequence[Results], margin: float | None = None) -> list[Line]:
    """Return a line for each of the results; all of them are one family of hypotheses.

    Args:
        found: on the same samples, of the same two sides.
        margin: within which the sides count as equivalent.
    """
    if not found:
        return []
    if found[0].grouped:
        lines = [_of_groups(each, len(found), margin) for each in found]
    else:
        flipped = sign_flip(np.stack([each.differences for each in found], axis=1))
        lines = [_of_samples(each, flipped, place, margin) for place, each in enumerate(found)]
        lines = _with_bootstrap(lines, found)
    adjusted = holm([1.0 if line.p is None else line.p for line in lines])
    return [replace(line, p_holm=p) for line, p in zip(lines, adjusted, strict=True)]


def _filled(results: Results) -> Line:
    first, second = float(results.first.mean()), float(results.second.mean())
    n = results.first.shape[1]
    return replace(results.line, metric=ACCURACY, n=n, first=first, second=second, difference=second - first)


def _of_groups(results: Results, family: int, margin: float | None) -> Line:
    """Return the difference of two groups, by Student's t over seeds and samples."""
    line = _filled(results)
    if line.n < 2:
        return replace(line, p=1.0, note="one sample gives no interval over samples")
    found = seed_difference(results.first, results.second)
    own, joint = found.interval(), found.interval(1 - (1 - LEVEL) / family)
    if own is None or joint is None:
        return replace(line, p=1.0, note="no seed and no sample differs: no interval")
    line = replace(line, low=own[0], high=own[1], method="seeds-and-samples-t", joint_low=joint[0], joint_high=joint[1])
    line = replace(line, p=found.p, test="seeds-and-samples-t", detectable=_detectable(found))
    return _judged(line, found.interval(INTERVAL_LEVEL), margin)


def _detectable(found: SeedDifference) -> float:
    return mean_detectable(found.error, freedom=found.freedom)


def _of_samples(results: Results, flipped: SignFlip, place: int, margin: float | None) -> Line:
    """Return the difference on the same samples, without the interval where that is a bootstrap."""
    line = replace(_filled(results), p_max_t=float(flipped.adjusted[place]))
    # With few flips the critical value can fall below that of a single line.
    critical = max(flipped.critical, normal_quantile(LEVEL))
    counts = results.counts
    if counts is not None:
        return _of_counts(line, counts, critical, margin)
    values = results.differences
    line = replace(line, p=float(flipped.p[place]), test="sign-flip")
    if line.n < 2 or np.ptp(values) == 0:
        return replace(line, note="the difference is the same for every sample: no interval")
    error = float(values.std(ddof=1)) / sqrt(line.n)
    centre = float(values.mean())
    line = replace(line, joint_low=centre - critical * error, joint_high=centre + critical * error)
    line = replace(line, method="bootstrap", detectable=mean_detectable(error))
    if margin is None:
        return line
    shown = tost_paired(values, margin)
    return _judged(line, (shown.low, shown.high), margin)


def _of_counts(line: Line, counts: tuple[int, int, int, int], critical: float, margin: float | None) -> Line:
    _, lost, gained, _ = counts
    low, high = newcombe_interval(*counts)
    joint = newcombe_interval(*counts, level=erf(critical / sqrt(2)))
    detectable = mcnemar_detectable(line.n, (lost + gained) / line.n)
    line = replace(line, low=low, high=high, method="newcombe", joint_low=joint[0], joint_high=joint[1])
    line = replace(line, lost=lost, gained=gained, p=mcnemar_p(lost, gained), test="mcnemar-exact")
    line = replace(line, detectable=detectable, note="" if detectable else _undetectable(lost + gained))
    return _judged(line, newcombe_interval(*counts, level=INTERVAL_LEVEL), margin)


def _undetectable(discordant: int) -> str:
    return f"with {discordant} discordant sample(s), no difference would have been found with a power of 80 %"


def _judged(line: Line, interval: Ends, margin: float | None) -> Line:
    if margin is None or interval is None:
        return line
    return replace(line, equivalence=interval, equivalent=-margin < interval[0] and interval[1] < margin)


def _with_bootstrap(lines: Sequence[Line], found: Sequence[Results]) -> list[Line]:
    """Return the lines, with bootstrap intervals from the same resampled samples for all that want one."""
    wanted = [place for place, line in enumerate(lines) if line.method == "bootstrap"]
    ends = bootstrap_means([found[place].differences for place in wanted])
    filled = list(lines)
    for place, (low, high) in zip(wanted, ends, strict=True):
        filled[place] = replace(filled[place], low=low, high=high)
    return filled
