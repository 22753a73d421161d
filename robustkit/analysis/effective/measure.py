"""Effective and relative robustness of every subject under every shift for which there is a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured, Scope, Subject
from robustkit.analysis.comparison.members import Member, mean_of
from robustkit.analysis.comparison.shares import correct_shares
from robustkit.analysis.comparison.subjects import Ends, Quantities, measure_subjects
from robustkit.analysis.effective.baselines import EffectiveBaselines
from robustkit.analysis.effective.fit import BaselineFit, Prediction, fit_baselines
from robustkit.analysis.statistics.bootstrap_each import bootstrap_each
from robustkit.errors import RobustkitError


@dataclass(frozen=True, kw_only=True)
class Fits:
    """The lines of a comparison.

    Attributes:
        lines: by scope id.
        refused: by scope id, why there is none.
    """

    lines: Mapping[str, BaselineFit]
    refused: Mapping[str, RobustkitError]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A subject beside a line.

    Attributes:
        clean: its accuracy on clean data.
        shifted: its accuracy under the shift.
        predicted: what the baselines let expect; None outside their range, or where an accuracy is missing.
    """

    clean: Measured
    shifted: Measured
    predicted: Prediction | None

    @property
    def effective(self) -> Measured:
        """Rho, with the prediction interval of the line about it: where that holds 0, it may be any baseline's."""
        if self.predicted is None or self.shifted.value is None:
            return Measured(value=None)
        value, ends = self.shifted.value, (self.predicted.high, self.predicted.low)
        return Measured(value=value - self.predicted.value, low=value - ends[0], high=value - ends[1])


def fit_lines(comparison: Comparison, baselines: EffectiveBaselines) -> Fits:
    """Return the lines that can be fitted, and why others cannot."""
    lines, refused = {}, {}
    for scope in baselines.shifts(comparison):
        points = baselines.points(comparison, scope)
        try:
            lines[scope.id] = fit_baselines(
                [each.clean for each in points],
                [each.shifted for each in points],
                scale=baselines.scale,
                fewest=baselines.fewest,
            )
        except RobustkitError as error:
            refused[scope.id] = error
    return Fits(lines=lines, refused=refused)


def judge(comparison: Comparison, subject: Subject, scope: Scope, line: BaselineFit) -> Judged:
    """Return a subject beside the line of a shift."""
    clean, shifted = comparison.of(subject, CLEAN), comparison.of(subject, scope.id)
    known = clean.value is not None and shifted.value is not None
    return Judged(
        clean=clean, shifted=shifted, predicted=line.predict(clean.value) if known and clean.value is not None else None
    )


def relative_robustness(
    comparison: Comparison, scopes: Sequence[Scope], before: Member
) -> dict[tuple[str, str, str], Measured]:
    """Return tau by (subject, `tau`, scope id): accuracy under shift less that of the model before an intervention.

    Source: Taori et al. (2020), section 2. Intervals: of a model alone the paired percentile bootstrap over samples, of
    a group Student's t over its training seeds.

    Args:
        comparison: what was measured.
        scopes: the shifts.
        before: the model before the intervention, on the same samples.
    """
    seeds = comparison.seeds

    def accuracy(member: Member, scope: Scope) -> float:
        value = mean_of([member.value(text, seeds.get(text, frozenset())) for text in scope.conditions])
        return np.nan if value is None else value

    def values(member: Member) -> Quantities:
        return {("tau", scope.id): np.array([accuracy(member, scope) - accuracy(before, scope)]) for scope in scopes}

    def ends(member: Member) -> Ends:
        vectors: dict[tuple[str, str], NDArray[np.float64]] = {}
        for scope in scopes:
            pair = [correct_shares([each], scope.conditions, seeds) for each in (member, before)]
            if pair[0] is not None and pair[1] is not None:
                vectors["tau", scope.id] = pair[0] - pair[1]
        if not vectors:
            return {}
        return bootstrap_each(lambda shares: {key: shares @ each for key, each in vectors.items()}, comparison.samples)

    return measure_subjects(comparison, values, ends, {"tau": (-1.0, 1.0)})
