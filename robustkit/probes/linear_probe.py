"""The accuracy of a linear classifier on features, over samples that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robustkit.analysis.statistics.intervals import wilson_interval
from robustkit.components import Estimate
from robustkit.probes.folds import Ints, Labels, assign_folds
from robustkit.probes.logistic import LogisticFit, cross_entropy, fit_logistic, standardise
from robustkit.probes.problem import ProbeSettings, as_features, as_ids, as_labels

PER_FEATURE = 3
"""Training samples for each feature below which an accuracy is unreliable: robustkit's choice."""

_GRID = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
_INNER_FOLDS = 3
_DEFAULT = ProbeSettings()


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeResult:
    """What a cross-fitted probe made of some samples.

    Attributes:
        estimate: its accuracy, with Wilson's interval over the samples and the share of the largest class as `chance`;
            without a value, and with a note that says why, where it is not defined.
        predictions: (n,) the class of each sample, from the probe that has not seen it; (0,) where undefined.
        correct: (n,) whether that is its label; (0,) where undefined.
    """

    estimate: Estimate
    predictions: Labels
    correct: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFittedProbe:
    """One linear classifier for each fold of the samples, fitted to the other folds.

    Attributes:
        classes: (C,) the labels that there are, ascending.
        labels: (n,) which of them each sample has.
        folds: (n,) the fold of each sample; (0,) where undefined.
        fits: by fold, the classifier that has not seen it; none where undefined.
        l2: by fold, what was penalised with.
        width: d, the number of features.
        settings: how it was fitted.
        reason: why there is none; empty where there is one.
    """

    classes: Labels
    labels: Ints
    folds: Ints
    fits: tuple[LogisticFit, ...]
    l2: tuple[float, ...]
    width: int
    settings: ProbeSettings
    reason: str = ""

    def evaluate(self, features: ArrayLike) -> ProbeResult:
        """Return what becomes of the same samples under features that may be others, of degraded inputs for example.

        Args:
            features: (n, d) finite, in the order of the samples that it was fitted to.

        Raises:
            DataError: they have another shape, or are not finite.
        """
        n = len(self.labels)
        rows = as_features(features, n, self.width)
        if self.reason:
            note = f"undefined: {self.reason}"
            nothing = Estimate(value=None, n=n, note=note, spec=self.settings.spec)
            return ProbeResult(estimate=nothing, predictions=self.classes[:0], correct=self.folds.astype(bool))
        found = np.empty(n, dtype=np.int64)
        for fold, fit in enumerate(self.fits):
            held = self.folds == fold
            found[held] = fit.logits(rows[held]).argmax(axis=1)
        correct = found == self.labels
        return ProbeResult(estimate=self._estimate(correct), predictions=self.classes[found], correct=correct)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why its accuracy is not to be relied on; empty where it is."""
        problems = [fit.problem for fit in self.fits if fit.problem]
        found = [f"{problems[0]} in {len(problems)} of {len(self.fits)} folds: raise l2"] if problems else []
        fewest = min((int((self.folds != fold).sum()) for fold in range(len(self.fits))), default=0)
        if self.fits and fewest < PER_FEATURE * self.width:
            found.append(
                f"{fewest} samples to fit {self.width} features, {PER_FEATURE} times as many as features are needed: "
                "a probe of more samples would be better"
            )
        return tuple(found)

    def _estimate(self, correct: NDArray[np.bool_]) -> Estimate:
        chance = float(np.bincount(self.labels).max() / len(self.labels))
        return share(correct, chance=chance, spec=self.settings.spec, doubts=self.doubts)


def linear_probe(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    evaluated: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    settings: ProbeSettings = _DEFAULT,
) -> ProbeResult:
    """Return the accuracy of a linear classifier on features, cross-fitted: no sample is judged by a probe that saw it.

    Multinomial logistic regression with an L2 penalty on features that are standardised by the training folds. It says
    how much of the labels can be read off linearly, from as many samples as there are in all folds but one.

    Args:
        features: (n, d) finite, that the probes are fitted to.
        labels: (n,) integers or names.
        evaluated: (n, d), features of the same samples that the probes are asked about: of degraded inputs, for
            example. By default those that they are fitted to.
        ids: (n,) distinct integers by whose hash samples come into folds; their places by default. With ids the result
            does not depend on the order of the samples.
        settings: number of folds, penalty, seed.

    Raises:
        DataError: arrays of other shapes, or numbers that are not finite.

    >>> import numpy as np
    >>> labels = np.arange(200) % 2
    >>> features = np.random.default_rng(0).normal(size=(200, 2)) + 2.0 * labels[:, None]
    >>> found = linear_probe(features, labels).estimate
    >>> 0.85 < found.value < 0.97, found.chance
    (True, 0.5)
    """
    fitted = fit_linear_probe(features, labels, ids=ids, settings=settings)
    return fitted.evaluate(features if evaluated is None else evaluated)


def fit_linear_probe(
    features: ArrayLike, labels: ArrayLike, *, ids: ArrayLike | None = None, settings: ProbeSettings = _DEFAULT
) -> CrossFittedProbe:
    """Return the probes of `linear_probe`, to be evaluated on features of several kinds.

    Args:
        features: (n, d) finite.
        labels: (n,) integers or names.
        ids: (n,) distinct integers by whose hash samples come into folds; their places by default.
        settings: number of folds, penalty, seed.

    Raises:
        DataError: arrays of other shapes, or numbers that are not finite.
    """
    rows = as_features(features)
    n = len(rows)
    classes, places = np.unique(as_labels(labels, n), return_inverse=True)
    known = as_ids(ids, n)
    # In the order of the ids, sums have the same rounding in whatever order the samples come.
    order = np.argsort(known)
    reason = _why_not(classes, places, settings)
    folds = assign_folds(known, places, settings.folds, settings.seed) if not reason else np.empty(0, dtype=np.int64)
    fits, penalties = [], []
    for fold in range(settings.folds if not reason else 0):
        kept = order[folds[order] != fold]
        penalty = _penalty(rows[kept], places[kept], known[kept], settings)
        fits.append(fit_logistic(standardise(rows[kept]), places[kept], len(classes), penalty))
        penalties.append(penalty)
    return CrossFittedProbe(
        classes=classes,
        labels=places,
        folds=folds,
        fits=tuple(fits),
        l2=tuple(penalties),
        width=rows.shape[1],
        settings=settings,
        reason=reason,
    )


def share(correct: NDArray[np.bool_], *, chance: float, spec: str, doubts: Sequence[str]) -> Estimate:
    """Return a share of samples with Wilson's interval.

    Args:
        correct: (n,), n >= 1.
        chance: what chance alone gives.
        spec: what exactly was computed.
        doubts: why it is not to be relied on.
    """
    right, n = int(correct.sum()), len(correct)
    low, high = wilson_interval(right, n)
    return Estimate(
        value=right / n,
        n=n,
        ci_low=low,
        ci_high=high,
        interval="wilson",
        note=f"unreliable: {'; '.join(doubts)}" if doubts else "",
        unreliable=bool(doubts),
        chance=chance,
        spec=spec,
    )


def _why_not(classes: Labels, places: Ints, settings: ProbeSettings) -> str:
    """Return why there is no probe; empty where there is one."""
    if len(classes) < 2:
        return "all samples have one label, and a probe needs two"
    sizes = np.bincount(places)
    # Each fold must have samples of each class, and so must each inner fold of what remains without it.
    needed = settings.folds
    if settings.l2 == "auto":
        needed = max(needed, next(m for m in range(2, 99) if m - -(-m // settings.folds) >= _INNER_FOLDS))
    if sizes.min() < needed:
        label = classes[sizes.argmin()]
        return (
            f"label {label} has {sizes.min()} samples, {needed} of each are needed: give more samples, or fewer folds"
        )
    return ""


def _penalty(rows: NDArray[np.floating], labels: Ints, ids: Ints, settings: ProbeSettings) -> float:
    """Return the penalty that is given, or the first from above after which held-out cross-entropy rises."""
    if settings.l2 != "auto":
        return settings.l2
    folds, classes = assign_folds(ids, labels, _INNER_FOLDS, settings.seed), int(labels.max()) + 1
    given = [standardise(rows[folds != fold]) for fold in range(_INNER_FOLDS)]
    lowest, chosen = np.inf, _GRID[0]
    for penalty in _GRID:
        loss = 0.0
        for fold, each in enumerate(given):
            held = folds == fold
            fit = fit_logistic(each, labels[~held], classes, penalty)
            loss += cross_entropy(fit.logits(rows[held]), labels[held]) * int(held.sum())
        if loss >= lowest:
            break
        lowest, chosen = loss, penalty
    return chosen
