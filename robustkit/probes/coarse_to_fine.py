"""What features of a model that was trained on coarse labels still say about fine ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robustkit.analysis.statistics.intervals import bootstrap_interval
from robustkit.components import Estimate
from robustkit.errors import ConfigError, DataError
from robustkit.probes.collapse import collapse_estimates
from robustkit.probes.folds import Labels
from robustkit.probes.linear_probe import fit_linear_probe, linear_probe, share
from robustkit.probes.problem import ProbeSettings, as_features, as_ids, as_labels
from robustkit.probes.refined import Refined

PARTS = ("transfer", "accuracy", "top-1", "nc1", "cdnv")
"""What there is of every model."""

_DEFAULT = ProbeSettings()


@dataclass(frozen=True, kw_only=True, eq=False)
class CoarseToFine:
    """How much of the fine labels can be read off features within each coarse class.

    Attributes:
        estimates: by name, those of `PARTS`, and `ceiling` where that is another model's accuracy.
        divided: (n,) the samples of coarse classes that have two fine classes or more: what all but `top-1` is about.
        correct: (n,) whether the probe within the coarse class was right; False elsewhere, and where undefined.
    """

    estimates: Mapping[str, Estimate]
    divided: NDArray[np.bool_]
    correct: NDArray[np.bool_]


def coarse_to_fine(
    features: ArrayLike,
    coarse: ArrayLike,
    fine: ArrayLike,
    *,
    evaluated: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    ceiling: float | CoarseToFine = 1.0,
    settings: ProbeSettings = _DEFAULT,
) -> CoarseToFine:
    """Return what features of a model that was trained on coarse labels say about fine labels, beside what they could.

    - `accuracy`: within each coarse class with several fine classes, a probe of its own (see `linear_probe`) says which
      of them a sample has; the share that is right, over all these coarse classes. `chance` is what the largest fine
      class of each gives.
    - `transfer`: (accuracy - chance) / (ceiling - chance). 0 where features are the same within each coarse class, 1 at
      the ceiling; a little below 0 where there is nothing to be read.
    - `top-1`: one probe over all fine labels, not told the coarse one: the number that papers have, by other training.
    - `nc1`, `cdnv`: how far fine classes lie apart within their coarse class, see `collapse_estimates`.

    Args:
        features: (n, d) finite, that the probes are fitted to.
        coarse: (n,) integers or names.
        fine: (n,) integers or names; each fine class lies within one coarse class.
        evaluated: (n, d), features of the same samples that probes are asked about, and that `nc1` and `cdnv` are of.
            By default those that they are fitted to.
        ids: (n,) distinct integers by whose hash samples come into folds; their places by default.
        ceiling: an accuracy that is thought possible, or what this function returned for the features of a model that
            was trained on the fine labels, for the same samples in the same order.
        settings: number of folds, penalty, seed.

    Raises:
        ConfigError: a ceiling that is not above 0 and at most 1, or that is of other samples.
        DataError: arrays of other shapes, or numbers that are not finite.
    """
    rows = as_features(features)
    n = len(rows)
    given = Refined(
        rows=rows,
        asked=rows if evaluated is None else as_features(evaluated, *rows.shape),
        coarse=as_labels(coarse, n),
        fine=as_labels(fine, n),
        ids=as_ids(ids, n),
        settings=settings,
    )
    divided = _divided(given.coarse, given.fine)
    _check_ceiling(ceiling, divided)
    reason = _why_not(given.coarse, given.fine, divided)
    if reason:
        return _nothing(reason, divided, settings)
    kept = given.only(divided)
    accuracy, right = _within(kept)
    whole = linear_probe(rows, given.fine, evaluated=given.asked, ids=given.ids, settings=settings)
    estimates = {
        "transfer": _transfer(accuracy, right, ceiling),
        "accuracy": accuracy,
        "top-1": whole.estimate,
        **collapse_estimates(kept),
    }
    if isinstance(ceiling, CoarseToFine):
        estimates["ceiling"] = ceiling.estimates["accuracy"]
    correct = divided.copy()
    correct[divided] = right
    return CoarseToFine(estimates=estimates, divided=divided, correct=correct)


def _within(given: Refined) -> tuple[Estimate, NDArray[np.bool_]]:
    """Return the accuracy of one probe for each coarse class, and (n,) which samples it is right about."""
    n, spec = len(given.rows), f"within-coarse/{given.settings.spec}"
    correct, largest = np.zeros(n, dtype=bool), 0
    doubts: list[str] = []
    for label, part in given.by_coarse().items():
        probe = fit_linear_probe(part.rows, part.fine, ids=part.ids, settings=given.settings)
        if probe.reason:
            note = f"undefined: within coarse label {label}: {probe.reason}"
            return Estimate(value=None, n=n, note=note, spec=spec), np.zeros(n, dtype=bool)
        correct[given.coarse == part.coarse[0]] = probe.evaluate(part.asked).correct
        largest += int(np.bincount(probe.labels).max())
        doubts += [f"within coarse label {label}: {doubt}" for doubt in probe.doubts]
    if len(doubts) > 1:
        doubts = [f"{doubts[0]}, and {len(doubts) - 1} more of this kind"]
    return share(correct, chance=largest / n, spec=spec, doubts=doubts), correct


def _divided(coarse: Labels, fine: Labels) -> NDArray[np.bool_]:
    """Return (n,) which samples are of a coarse class with two fine classes or more."""
    several = [each for each in np.unique(coarse) if len(np.unique(fine[coarse == each])) > 1]
    return np.isin(coarse, several)


def _why_not(coarse: Labels, fine: Labels, divided: NDArray[np.bool_]) -> str:
    for each in np.unique(fine):
        over = np.unique(coarse[fine == each])
        if len(over) > 1:
            return f"fine label {each} has samples of the coarse labels {over[0]} and {over[1]}, and must be within one"
    return "" if divided.any() else "no coarse label has two fine ones"


def _nothing(reason: str, divided: NDArray[np.bool_], settings: ProbeSettings) -> CoarseToFine:
    n = len(divided)
    nothing = Estimate(value=None, n=n, note=f"undefined: {reason}", spec=settings.spec)
    return CoarseToFine(estimates=dict.fromkeys(PARTS, nothing), divided=divided, correct=np.zeros(n, dtype=bool))


def _check_ceiling(ceiling: float | CoarseToFine, divided: NDArray[np.bool_]) -> None:
    if isinstance(ceiling, CoarseToFine):
        if not np.array_equal(ceiling.divided, divided):
            raise ConfigError("the ceiling is of other samples or labels than these", "give the same, in their order")
    elif not 0 < ceiling <= 1:
        raise ConfigError(f"expected a ceiling above 0 and at most 1, got {ceiling}", "it is an accuracy")


def _transfer(accuracy: Estimate, correct: NDArray[np.bool_], ceiling: float | CoarseToFine) -> Estimate:
    """Return what is reached of the way from chance to the ceiling."""
    top = ceiling.estimates["accuracy"].value if isinstance(ceiling, CoarseToFine) else float(ceiling)
    named = "reference" if isinstance(ceiling, CoarseToFine) else f"{ceiling:g}"
    accuracy = replace(accuracy, spec=f"transfer/ceiling={named}/{accuracy.spec}")
    if accuracy.value is None or accuracy.chance is None:
        return accuracy
    chance = accuracy.chance
    if top is None or top <= chance:
        why = "is undefined" if top is None else f"{top:.3g} is not above chance, {chance:.3g}"
        return Estimate(value=None, n=accuracy.n, note=f"undefined: the ceiling {why}", spec=accuracy.spec)
    low, high = ((end - chance) / (top - chance) for end in (accuracy.ci_low or 0.0, accuracy.ci_high or 0.0))
    value = (accuracy.value - chance) / (top - chance)
    found = replace(accuracy, value=value, ci_low=low, ci_high=high, chance=0.0)
    return _beside(found, chance, correct, ceiling) if isinstance(ceiling, CoarseToFine) else found


def _beside(found: Estimate, chance: float, correct: NDArray[np.bool_], ceiling: CoarseToFine) -> Estimate:
    """Return the estimate with an interval for the ratio of two accuracies on the same samples."""
    top = ceiling.estimates["accuracy"]
    if top.unreliable and not found.unreliable:
        found = replace(found, unreliable=True, note=f"{top.note} (the reference)")
    n, both = len(correct), np.stack([correct, ceiling.correct[ceiling.divided]], axis=1).astype(np.float64)

    def ratio(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        own, reached = (counts @ both).T / n - chance
        # Where a resample's ceiling is at chance, the ratio has no end: neither has the interval.
        found: NDArray[np.float64] = np.where(reached > 0, own / np.where(reached > 0, reached, 1.0), np.nan)
        return found

    try:
        low, high = bootstrap_interval(ratio, n)
    except DataError:
        return replace(found, ci_low=None, ci_high=None, interval="")
    return replace(found, ci_low=low, ci_high=high, interval="bootstrap")
