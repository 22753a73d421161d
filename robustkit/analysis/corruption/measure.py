"""Corruption errors of models and groups, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured
from robustkit.analysis.comparison.measure import of_group
from robustkit.analysis.comparison.members import Member, mean_of
from robustkit.analysis.comparison.teams import Team
from robustkit.analysis.corruption.baseline import CorruptionBaseline, RunBaseline
from robustkit.analysis.corruption.error import corruption_error, relative_corruption_error
from robustkit.analysis.corruption.reference import find_reference
from robustkit.analysis.corruption.suite import Suite
from robustkit.analysis.statistics.bootstrap_each import bootstrap_each

Array = NDArray[np.float64]
Key = tuple[str, str]
"""(`error`, `ce` or `relative`; the qualified name of a corruption, or `common` or `extra` for the mean over those)."""

QUANTITIES = ("error", "ce", "relative")
_BOUNDS = {"error": (0.0, 1.0), "ce": (0.0, np.inf), "relative": (-np.inf, np.inf)}


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorProfile:
    """The errors of one model, on clean images (`clean`) and, averaged over severities, by corruption.

    Attributes:
        errors: shares of wrong answers; NaN where one is not known.
        vectors: (n,) the same for each sample; where they are missing, `errors` is taken as exact.
    """

    errors: Mapping[str, float]
    vectors: Mapping[str, Array] = field(default_factory=dict)


def measure_corruptions(
    comparison: Comparison, suite: Suite, baseline: CorruptionBaseline | None
) -> dict[tuple[str, str, str], Measured]:
    """Return error, CE and relative CE by (subject, quantity, corruption or mean); undefined without a baseline.

    Intervals, all at 95 %: of a model alone the percentile bootstrap over samples, in which a baseline from a run is
    resampled with the model, and one from a table is taken as exact; of a group Student's t over its training seeds.
    A mean is undefined where one of its terms is.
    """
    reference = None if baseline is None else _reference(comparison, suite, baseline)
    return {
        (team.name, *key): measured
        for team in comparison.teams
        for key, measured in _measure(team, comparison, suite, reference).items()
    }


def _reference(comparison: Comparison, suite: Suite, baseline: CorruptionBaseline) -> ErrorProfile:
    if isinstance(baseline, RunBaseline):
        return _profile(find_reference(comparison, baseline), comparison, suite)
    errors = {name: float(np.mean(values)) for name, values in baseline.errors.items()}
    return ErrorProfile(errors={**errors, CLEAN: np.nan if baseline.clean is None else baseline.clean})


def _profile(member: Member, comparison: Comparison, suite: Suite) -> ErrorProfile:
    errors, vectors = {}, {}
    for name, texts in {CLEAN: (CLEAN,), **suite.all}.items():
        seeds = {text: comparison.seeds.get(text, frozenset()) for text in texts}
        right = mean_of([member.value(text, seeds[text]) for text in texts])
        errors[name] = np.nan if right is None else 1 - right
        samples = [member.correct(text, seeds[text]) for text in texts] if right is not None else [None]
        known = [each for each in samples if each is not None]
        if len(known) == len(samples):
            vectors[name] = 1 - np.mean(known, axis=0)
    return ErrorProfile(errors=errors, vectors=vectors)


def _measure(team: Team, comparison: Comparison, suite: Suite, reference: ErrorProfile | None) -> dict[Key, Measured]:
    profiles = [_profile(member, comparison, suite) for member in team.members]
    values = [_quantities(suite, _at(profile), None if reference is None else _at(reference)) for profile in profiles]
    if len(profiles) > 1:
        names = [member.name for member in team.members]
        return {key: of_group(names, [_defined(each[key][0]) for each in values], _BOUNDS[key[0]]) for key in values[0]}
    ends = _bootstrap(suite, profiles[0], reference)
    return {key: _alone(_defined(value[0]), ends.get(key), comparison.samples) for key, value in values[0].items()}


def _alone(value: float | None, ends: tuple[float, float] | None, n: int) -> Measured:
    if value is None or ends is None:
        return Measured(value=value, n=n)
    return Measured(value=value, low=ends[0], high=ends[1], n=n, method="bootstrap", over="samples")


def _at(profile: ErrorProfile) -> dict[str, Array]:
    return {name: np.array([value]) for name, value in profile.errors.items()}


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _quantities(suite: Suite, model: Mapping[str, Array], baseline: Mapping[str, Array] | None) -> dict[Key, Array]:
    """Return every quantity from the mean errors over severities, (R,) each; NaN where it is not defined."""
    found: dict[Key, Array] = {}
    for name in suite.all:
        found["error", name] = model[name]
        if baseline is not None:
            unknown = np.array([np.nan])
            mine, theirs = model[name][:, None], baseline.get(name, unknown)[:, None]
            found["ce", name] = corruption_error(mine, theirs)
            clean = baseline.get(CLEAN, unknown)
            found["relative", name] = relative_corruption_error(mine, model[CLEAN], theirs, clean)
    for group, names in (("common", suite.common), ("extra", suite.extra)):
        for quantity in QUANTITIES if baseline is not None else ("error",):
            if names:
                found[quantity, group] = np.mean([found[quantity, name] for name in names], axis=0)
    return found


def _bootstrap(suite: Suite, model: ErrorProfile, reference: ErrorProfile | None) -> dict[Key, tuple[float, float]]:
    """Return the ends of the intervals; what is not defined in every resample has none."""
    if not model.vectors:
        return {}
    mine = _resampled(model)
    theirs = _resampled(reference) if reference is not None else None
    n = len(next(iter(model.vectors.values())))
    return bootstrap_each(
        lambda shares: _quantities(suite, mine(shares), theirs(shares) if theirs is not None else None), n
    )


def _resampled(profile: ErrorProfile) -> Callable[[Array], dict[str, Array]]:
    """Return a function from (R, n) shares of samples to the errors, (R,) each."""
    names = list(profile.vectors)
    stacked = np.stack([profile.vectors[name] for name in names], axis=1) if names else None

    def resample(shares: Array) -> dict[str, Array]:
        if stacked is None:
            return {name: np.full(len(shares), value) for name, value in profile.errors.items()}
        means = shares @ stacked
        unknown = {name: np.full(len(shares), np.nan) for name in profile.errors}
        return unknown | {name: means[:, place] for place, name in enumerate(names)}

    return resample
