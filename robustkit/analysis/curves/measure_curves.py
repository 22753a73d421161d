"""Area, slope and half severity of every model under every perturbation, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.comparison import Comparison, Measured
from robustkit.analysis.comparison.members import Member
from robustkit.analysis.comparison.subjects import Ends, Key, Quantities, measure_subjects
from robustkit.analysis.curves.curve import curve_area, curve_slope, half_severity
from robustkit.analysis.curves.sequences import MEAN, SeveritySequence
from robustkit.analysis.statistics.bootstrap_each import bootstrap_each

Array = NDArray[np.float64]

_DESCRIBED = {"area": curve_area, "slope": curve_slope, "half": half_severity}
_BOUNDS = {"area": (0.0, 1.0), "slope": (-np.inf, np.inf), "half": (0.0, np.inf)}


def measure_curves(
    comparison: Comparison, sequences: Sequence[SeveritySequence]
) -> dict[tuple[str, str, str], Measured]:
    """Return by (subject, `area`, `slope` or `half`, family or `mean`) what describes the curves.

    Intervals, all at 95 %: of a model alone the percentile bootstrap over samples, with the same resampled samples for
    all severities, perturbations and models; of a group Student's t over its training seeds. The mean over
    perturbations is undefined where one of its terms is.
    """

    def values(member: Member) -> Quantities:
        accuracies = {each.family: _accuracies(comparison, member, each) for each in sequences}
        return _quantities(sequences, accuracies)

    def ends(member: Member) -> Ends:
        vectors = {each.family: _vectors(comparison, member, each) for each in sequences}
        known = {family: vector for family, vector in vectors.items() if vector is not None}
        if not known:
            return {}
        whole = [each for each in sequences if each.family in known]
        found = bootstrap_each(
            lambda shares: _quantities(whole, {family: shares @ each for family, each in known.items()}),
            comparison.samples,
        )
        # A mean over fewer perturbations is another mean.
        return found if len(whole) == len(sequences) else {key: each for key, each in found.items() if key[1] != MEAN}

    return measure_subjects(comparison, values, ends, _BOUNDS)


def _accuracies(comparison: Comparison, member: Member, sequence: SeveritySequence) -> Array:
    """Return (1, severities) accuracies."""
    found = [member.value(text, comparison.seeds.get(text, frozenset())) for text in sequence.texts]
    return np.array([[np.nan if each is None else each for each in found]])


def _vectors(comparison: Comparison, member: Member, sequence: SeveritySequence) -> Array | None:
    """Return (n, severities) shares in which each sample was right; None without records."""
    found = [member.correct(text, comparison.seeds.get(text, frozenset())) for text in sequence.texts]
    known = [each for each in found if each is not None]
    return np.stack(known, axis=1) if len(known) == len(found) else None


def _quantities(sequences: Sequence[SeveritySequence], accuracies: dict[str, Array]) -> dict[Key, Array]:
    found: dict[Key, Array] = {}
    for quantity, describe in _DESCRIBED.items():
        for each in sequences:
            found[quantity, each.family] = describe(each.severities, accuracies[each.family])
        found[quantity, MEAN] = np.mean([found[quantity, each.family] for each in sequences], axis=0)
    return found
