"""Whether a paired difference is so small that it does not matter: two one-sided tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from robustkit.analysis.statistics.checked import exponents, finite_array, number
from robustkit.errors import DataError

INTERVAL_LEVEL = 0.9
"""Level of the two-sided interval whose ends are those of two one-sided tests at 5 %."""


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """What two one-sided tests say.

    Attributes:
        p: the larger of the two p-values; below 0.05 the difference lies within the margin.
        low: lower end of the 90 % interval, which lies within the margin exactly where p < 0.05.
        high: upper end.
    """

    p: float
    low: float
    high: float


def tost_paired(differences: ArrayLike, margin: float) -> Equivalence:
    """Return whether the mean of paired differences is shown to lie within (−margin, margin).

    A margin has to be chosen before the data are seen. That no difference was found shows no equivalence.

    Source: Schuirmann (1987), with Student's t.

    Args:
        differences: (n,) finite, n >= 2, not all equal.
        margin: above 0.

    Raises:
        DataError: the differences are too few, not finite or without variance, or the margin is not finite and above 0.

    >>> found = tost_paired([0.1, -0.2, 0.0, 0.1, 0.1, -0.1], margin=0.2)
    >>> round(found.p, 4), round(found.low, 4), round(found.high, 4)
    (0.0059, -0.1041, 0.1041)
    """
    values = finite_array("differences to be held against a margin", differences, None)
    margin = number("margin", margin, 0, inside=True)
    power = int(exponents(values)) if values.size else 0
    scaled = np.ldexp(values, -power)
    error = float(scaled.std(ddof=1)) / values.size**0.5 if values.size > 1 else 0.0
    if not error or np.ptp(scaled) == 0:
        raise DataError(
            f"expected at least two different values, got shape {values.shape}, margin={margin}",
            "without variance no t-test is defined",
        )
    from scipy.special import stdtr, stdtrit

    freedom, centre = values.size - 1, float(scaled.mean())
    near = float(np.ldexp(margin, -power))
    p = max(float(stdtr(freedom, -(centre + near) / error)), float(stdtr(freedom, (centre - near) / error)))
    half = float(stdtrit(freedom, (1 + INTERVAL_LEVEL) / 2)) * error
    return Equivalence(p=p, low=float(np.ldexp(centre - half, power)), high=float(np.ldexp(centre + half, power)))
