"""Neural collapse in numbers (Papyan et al. 2020), from sums by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import pdist

import robustkit
from robustkit_metrics.similarity.class_sums import ClassSums
from robustkit_metrics.similarity.moments import Array

SPECS = {
    "nc1": "nc1/trace(within pinv(between))/classes",
    "within-over-between": "nc1/trace(within)/trace(between)",
    "nc2-norms": "nc2/coefficient-of-variation-of-norms",
    "nc2-angles": "nc2/standard-deviation-of-cosines",
    "nc2-offset": "nc2/mean-absolute-cosine-plus-1/(classes-1)",
    "cdnv": "cdnv/mean-over-pairs-of-classes",
}
"""The numbers that need no classifier, and what exactly they are."""

_FLOAT32 = 1e-7


def collapse(sums: ClassSums) -> Array:
    """Return (6,) the numbers of `SPECS`, in their order; 0 at full collapse, NaN where `reasons_against` has a reason.

    The global mean is the mean of the class means, so that unequal classes do not bend the geometry. Needs two classes
    or more, whose means are not all the same.
    """
    centred, against = _centred(sums), reasons_against(sums)
    classes = len(centred)
    within, between = sums.within, np.square(centred).sum() / classes
    norms = np.linalg.norm(centred, axis=1)

    def cosines() -> Array:
        found: Array = (centred @ centred.T / np.outer(norms, norms))[np.triu_indices(classes, 1)]
        return found

    def along(directions: Array) -> Array:
        return np.asarray(np.einsum("ij,ik,kj->j", directions, within, directions))

    numbers: dict[str, Callable[[], float]] = {
        "nc1": lambda: robustkit.nc1(sums.means, along),
        "within-over-between": lambda: np.trace(within) / between,
        "nc2-norms": lambda: norms.std() / norms.mean(),
        "nc2-angles": lambda: cosines().std(),
        "nc2-offset": lambda: np.abs(cosines() + 1 / (classes - 1)).mean(),
        "cdnv": lambda: robustkit.cdnv(sums.means, sums.variances),
    }
    return np.array([np.nan if part in against else numbers[part]() for part in SPECS])


def reasons_against(sums: ClassSums) -> dict[str, str]:
    """Return by name why some of the numbers of `SPECS` do not exist, each for itself.

    Args:
        sums: of two classes or more, whose means are not all the same.
    """
    present, least = sums.present, rounding(sums)
    found = {}
    if sums.counts.max() < 2:
        alone = "one sample of each class: no scatter within classes can be measured"
        found = dict.fromkeys(("nc1", "within-over-between", "cdnv"), alone)
    norms = np.linalg.norm(_centred(sums), axis=1)
    if norms.min() <= least:
        middle = f"the mean of class {present[norms.argmin()]} is the global mean, so that it has no direction"
        found |= dict.fromkeys(("nc2-angles", "nc2-offset"), middle)
    apart = pdist(sums.means)
    if apart.min() <= least:
        first, second = (places[apart.argmin()] for places in np.triu_indices(len(present), 1))
        found["cdnv"] = f"the means of the classes {present[first]} and {present[second]} do not differ"
    return found


def rounding(sums: ClassSums) -> float:
    """Return the distance below which means of float32 features are the same."""
    return _FLOAT32 * float(np.linalg.norm(sums.pivot) + np.linalg.norm(sums.means, axis=1).max())


def _centred(sums: ClassSums) -> Array:
    """Return (present, d) the class means about the global mean."""
    found: Array = sums.means - sums.means.mean(axis=0)
    return found


def self_duality(sums: ClassSums, weight: Array) -> float:
    """Return NC3, the distance between class means and classifier weights, each of unit norm as a whole: 0 to 2.

    Args:
        sums: of the features that the classifier is given.
        weight: (C, d) of the classifier, not centred; those of the classes that have samples are not all 0.
    """
    centred = _centred(sums)
    rows = weight[sums.present]
    return float(np.linalg.norm(rows / np.linalg.norm(rows) - centred / np.linalg.norm(centred)))


def nearest_means(sums: ClassSums, rows: Array) -> Array:
    """Return (m,) the class whose mean is nearest to each row, among the classes that have samples."""
    means = sums.means + sums.pivot
    # The squared length of a row is the same for all means.
    distances = np.square(means).sum(axis=1) - 2 * rows @ means.T
    found: Array = sums.present[distances.argmin(axis=1)]
    return found
