"""How far fine classes lie apart within their coarse class: neural collapse, one level down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from robustkit.components import Estimate
from robustkit.probes.folds import Labels, shuffle_labels
from robustkit.probes.logistic import in_units
from robustkit.probes.neural_collapse import Floats, cdnv, nc1
from robustkit.probes.refined import Refined

SPECS = {
    "nc1": "nc1/within-coarse/trace(within-fine pinv(between-fine))/fine-classes/evaluated-samples",
    "cdnv": "cdnv/within-coarse/mean-over-pairs-of-fine-classes/evaluated-samples",
}
"""The numbers, and what exactly they are."""

_FEW = 10
_SHUFFLES = 11
_FLOAT32 = 1e-7  # relative distance below which means of float32 features are the same


def collapse_estimates(given: Refined) -> dict[str, Estimate]:
    """Return `nc1` and `cdnv` of fine classes within their coarse classes: 0 where fine classes are points apart.

    Of the fine classes of one coarse class, NC1 (Papyan et al. 2020) is tr(W B⁺) / F, with W the covariance within the
    F of them and B that of their means; CDNV (Galanti et al. 2022) is the mean over pairs of (v + v') / (2 |m - m'|²),
    with v the mean squared distance from the mean m. Here is the mean over coarse classes. Both grow as fine classes
    melt into their coarse class, and are undefined where means coincide, at full coarse collapse, and
    where each fine class of a coarse one has one sample, hence no scatter. From finitely many
    samples means never quite do: `chance` is the median of what 11 shuffles of the fine labels within their coarse
    class give, and values near it say that the fine classes are not told apart.

    Args:
        given: samples whose coarse classes have two fine classes or more each; it is about the features `asked`.
    """
    # Neither number depends on the scale, but its squares could overflow or vanish.
    given = replace(given, asked=in_units(given.asked, axis=None)[0])
    n, parts = len(given.asked), list(given.by_coarse().values())
    reason = next((why for part in parts if (why := _why_not(part))), "")
    if reason:
        note = f"undefined: {reason}"
        return {name: Estimate(value=None, n=n, note=note, spec=spec) for name, spec in SPECS.items()}
    classes, sizes = np.unique(given.fine, return_counts=True)
    few = f"fine label {classes[sizes.argmin()]} has {sizes.min()} samples, {_FEW} are needed for its mean"
    note = f"unreliable: {few}" if sizes.min() < _FEW else ""
    values = _collapse(parts)
    shuffled = [_collapse([_shuffled(part, k) for part in parts]) for k in range(_SHUFFLES)]
    chances = np.median(shuffled, axis=0)
    return {
        name: Estimate(
            value=float(value), n=n, note=note, unreliable=bool(note), chance=float(chance), spec=SPECS[name]
        )
        for name, value, chance in zip(SPECS, values, chances, strict=True)
    }


def _why_not(part: Refined) -> str:
    """Return why there is no collapse to measure: no scatter, or means that are the same; empty where there is."""
    classes, means = np.unique(part.fine), _means(part.asked.astype(np.float64), part.fine)
    if len(part.fine) == len(classes):
        return f"one sample of each fine label, such as {classes[0]}: no scatter within them can be measured"
    for a, b in combinations(range(len(classes)), 2):
        if np.abs(means[a] - means[b]).max() <= _FLOAT32 * np.abs(part.asked).max():
            return f"the means of the fine labels {classes[a]} and {classes[b]} do not differ"
    return ""


def _shuffled(part: Refined, draw: int) -> Refined:
    return replace(part, fine=shuffle_labels(part.fine, part.ids, part.settings.seed + draw))


def _collapse(parts: Sequence[Refined]) -> Floats:
    """Return (2,) the mean over coarse classes of NC1 and CDNV."""
    found: Floats = np.mean([_of_one(part.asked.astype(np.float64), part.fine) for part in parts], axis=0)
    return found


def _of_one(rows: Floats, fine: Labels) -> tuple[float, float]:
    means = _means(rows, fine)
    places, sizes = np.unique(fine, return_inverse=True, return_counts=True)[1:]
    deviations = rows - means[places]
    variances = np.bincount(places, np.square(deviations).sum(axis=1)) / sizes
    return nc1(means, lambda directions: np.square(deviations @ directions).mean(axis=0)), cdnv(means, variances)


def _means(rows: Floats, fine: Labels) -> Floats:
    return np.stack([rows[fine == label].mean(axis=0) for label in np.unique(fine)])
