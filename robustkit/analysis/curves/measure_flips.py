"""Flip probability and flip rate of every model under every perturbation, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.comparison import Comparison, Measured
from robustkit.analysis.comparison.members import Member
from robustkit.analysis.comparison.subjects import Ends, Key, Quantities, measure_subjects
from robustkit.analysis.curves.flip import flip_shares
from robustkit.analysis.curves.sequences import MEAN, SeveritySequence
from robustkit.analysis.statistics.bootstrap_each import bootstrap_each

Array = NDArray[np.float64]

_BOUNDS = {"flips": (0.0, 1.0), "rate": (0.0, np.inf)}


def measure_flips(
    comparison: Comparison, sequences: Sequence[SeveritySequence], reference: Member | None = None
) -> dict[tuple[str, str, str], Measured]:
    """Return by (subject, `flips` or `rate`, family or `mean`) how often predictions change.

    `flips` is the flip probability: the mean over samples, and over steps of severity, of whether the prediction
    changes. `rate` is that over the reference's, perturbation by perturbation; the mean of the rates is undefined where
    the reference does not flip under one of them.

    Args:
        comparison: what was measured.
        sequences: the perturbations.
        reference: a model on the same samples, by whose flip probabilities others are divided.

    Intervals: as `measure_curves`, with the reference resampled with the model.
    """
    beside = {} if reference is None else _flips(comparison, reference, sequences)
    flips = {each.name: _flips(comparison, each, sequences) for team in comparison.teams for each in team.members}
    keys = [(quantity, name) for quantity in _shown(beside) for name in (*(each.family for each in sequences), MEAN)]

    def values(member: Member) -> Quantities:
        undefined = {key: np.array([np.nan]) for key in keys}
        return undefined | _quantities(sequences, _means(flips[member.name]), _means(beside))

    def ends(member: Member) -> Ends:
        mine = flips[member.name]
        if not mine:
            return {}
        return bootstrap_each(
            lambda shares: _quantities(sequences, _means(mine, shares), _means(beside, shares)), comparison.samples
        )

    return measure_subjects(comparison, values, ends, _BOUNDS)


def _flips(comparison: Comparison, member: Member, sequences: Sequence[SeveritySequence]) -> dict[str, Array]:
    """Return by family (n,) the share of steps at which each sample flips; without those that lack records.

    Severities of one seed are one sequence: they share their random numbers. Over seeds the mean is taken.
    """
    found = {}
    for sequence in sequences:
        drawn = [text for text in sequence.texts if comparison.conditions[text].stochastic]
        every = [comparison.seeds[text] & member.seeds(text) for text in drawn]
        seeds = sorted(frozenset.intersection(*every)) if every else [0]
        each = [_of_seed(member, sequence, dict.fromkeys(drawn, seed)) for seed in seeds]
        known = [shares for shares in each if shares is not None]
        if known and len(known) == len(each):
            found[sequence.family] = np.mean(known, axis=0)
    return found


def _of_seed(member: Member, sequence: SeveritySequence, seeds: Mapping[str, int]) -> Array | None:
    """Return the shares of one sequence; what draws nothing was evaluated under any seed."""
    every = [seeds.get(text, min(member.seeds(text), default=0)) for text in sequence.texts]
    records = [member.records(text, seed) for text, seed in zip(sequence.texts, every, strict=True)]
    predictions = [each["prediction"] for each in records if each is not None]
    return flip_shares(predictions, from_first=sequence.noise) if len(predictions) == len(records) else None


def _means(flips: Mapping[str, Array], shares: Array | None = None) -> dict[str, Array]:
    """Return (R,) flip probabilities for (R, n) shares of samples, or (1,) those of the samples as they are."""
    return {family: np.atleast_1d(each.mean()) if shares is None else shares @ each for family, each in flips.items()}


def _shown(theirs: Mapping[str, Array]) -> tuple[str, ...]:
    return ("flips", "rate") if theirs else ("flips",)


def _quantities(
    sequences: Sequence[SeveritySequence], mine: Mapping[str, Array], theirs: Mapping[str, Array]
) -> dict[Key, Array]:
    """Return what there is; a mean only where all of its terms are there."""
    found: dict[Key, Array] = {}
    for family, flips in mine.items():
        found["flips", family] = flips
        if theirs:
            found["rate", family] = _ratio(flips, theirs.get(family, np.zeros(1)))
    if len(mine) == len(sequences):
        for quantity in _shown(theirs):
            found[quantity, MEAN] = np.mean([found[quantity, each.family] for each in sequences], axis=0)
    return found


def _ratio(above: Array, below: Array) -> Array:
    ratio = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio
