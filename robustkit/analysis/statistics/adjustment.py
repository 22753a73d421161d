"""p-values adjusted for the number of hypotheses that are tested together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.checked import finite_array
from robustkit.errors import DataError


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values: where they are rejected, the chance of any false rejection is kept.

    Valid under any dependence. Source: Holm (1979).

    Raises:
        DataError: a p-value is not between 0 and 1, or they are not in one dimension.

    >>> [round(each, 3) for each in holm([0.001, 0.008, 0.039, 0.041])]
    [0.004, 0.024, 0.078, 0.078]
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return [float(each) for each in adjusted]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return the adjusted p-values of Benjamini and Hochberg: of the rejected ones, the share of false ones is kept.

    Valid under independence and where statistics depend positively, as those of cells on the same samples do. Source:
    Benjamini & Hochberg (1995), by scipy.

    Raises:
        DataError: a p-value is not between 0 and 1, or they are not in one dimension.

    >>> [round(each, 3) for each in benjamini_hochberg([0.001, 0.008, 0.039, 0.041])]
    [0.004, 0.016, 0.041, 0.041]
    """
    values = _checked(p)
    if not values.size:
        return []
    from scipy.stats import false_discovery_control

    return [float(each) for each in false_discovery_control(values)]


def _checked(p: Sequence[float]) -> NDArray[np.float64]:
    values = finite_array("p-values from 0 to 1", p, None)
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError(f"expected p-values from 0 to 1, got {values.tolist()!r:.80}", "leave undefined ones out")
    return values
