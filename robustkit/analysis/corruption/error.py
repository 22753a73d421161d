"""Corruption error: what a model gets wrong under one corruption, over what a baseline gets wrong under it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEVERITIES = (1.0, 2.0, 3.0, 4.0, 5.0)
"""A corruption error is over these, all of them."""


def corruption_error(errors: ArrayLike, baseline: ArrayLike) -> NDArray[np.float64]:
    """Return CE, the sum of the errors over the severities divided by the baseline's sum; NaN where that is 0.

    The sums come before the ratio: the mean of the ratios at the single severities is another number, to which mild
    severities, where baselines err little, contribute more.

    Source: Hendrycks and Dietterich (2019), section 4.1.

    Args:
        errors: (..., severities), shares of wrong answers.
        baseline: the same of the baseline, of a shape that broadcasts.

    >>> corruption_error([0.2, 0.3, 0.5], [0.3, 0.5, 0.7]).round(6).tolist()
    0.666667
    """
    return _ratio(np.asarray(errors, dtype=np.float64).sum(-1), np.asarray(baseline, dtype=np.float64).sum(-1))


def relative_corruption_error(
    errors: ArrayLike, clean: ArrayLike, baseline: ArrayLike, baseline_clean: ArrayLike
) -> NDArray[np.float64]:
    """Return relative CE: as CE, but of what corruption adds to the error on clean images.

    NaN where it adds nothing to the baseline's errors, or lowers them.

    Source: Hendrycks and Dietterich (2019), section 4.1.

    Args:
        errors: (..., severities), shares of wrong answers.
        clean: (...), the share on clean images.
        baseline: as `errors`, of the baseline.
        baseline_clean: as `clean`, of the baseline.

    >>> relative_corruption_error([0.2, 0.3, 0.5], 0.1, [0.3, 0.5, 0.7], 0.2).round(6).tolist()
    0.777778
    """
    return corruption_error(
        np.asarray(errors, dtype=np.float64) - np.asarray(clean, dtype=np.float64)[..., None],
        np.asarray(baseline, dtype=np.float64) - np.asarray(baseline_clean, dtype=np.float64)[..., None],
    )


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio
