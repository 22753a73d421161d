"""Neural collapse in numbers (Papyan et al. 2020), from sums by class."""

from __future__ import annotations

import numpy as np

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


def collapse(sums: ClassSums) -> Array:
    """Return (6,) the numbers of `SPECS`, in their order; 0 at full collapse.

    The global mean is the mean of the class means, so that unequal classes do not bend the geometry. Needs two classes
    or more.
    """
    centred = sums.means - sums.means.mean(axis=0)
    classes = len(centred)
    within, between = sums.within, np.square(centred).sum() / classes
    norms = np.linalg.norm(centred, axis=1)
    cosines = (centred @ centred.T / np.outer(norms, norms))[np.triu_indices(classes, 1)]
    return np.array(
        [
            robustkit.nc1(sums.means, lambda directions: np.einsum("ij,ik,kj->j", directions, within, directions)),
            np.trace(within) / between,
            norms.std() / norms.mean(),
            cosines.std(),
            np.abs(cosines + 1 / (classes - 1)).mean(),
            robustkit.cdnv(sums.means, sums.variances),
        ]
    )


def self_duality(sums: ClassSums, weight: Array) -> float:
    """Return NC3, the distance between class means and classifier weights, each of unit norm as a whole: 0 to 2.

    Args:
        sums: of the features that the classifier is given.
        weight: (C, d) of the classifier, not centred.
    """
    centred = sums.means - sums.means.mean(axis=0)
    rows = weight[sums.present]
    return float(np.linalg.norm(rows / np.linalg.norm(rows) - centred / np.linalg.norm(centred)))


def nearest_means(sums: ClassSums, rows: Array) -> Array:
    """Return (m,) the class whose mean is nearest to each row, among the classes that have samples."""
    means = sums.means + sums.pivot
    # The squared length of a row is the same for all means.
    distances = np.square(means).sum(axis=1) - 2 * rows @ means.T
    found: Array = sums.present[distances.argmin(axis=1)]
    return found
