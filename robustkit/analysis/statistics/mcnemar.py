"""McNemar's test: whether two classifiers are equally accurate, judged on the same samples."""

from __future__ import annotations

from robustkit.analysis.statistics.checked import whole


def mcnemar_p(lost: int, gained: int, *, mid: bool = False) -> float:
    """Return the two-sided p of the hypothesis that as many samples are lost as gained.

    Exact: given how many samples changed sides, the lost ones are binomial with probability 1/2. Samples on which both
    are right, or both wrong, say nothing about the difference.

    Source: McNemar (1947), exact form; mid-p after Fagerland et al. (2013), which counts the observed outcome half. It
    is closer to the nominal level, and not guaranteed to keep it.

    Args:
        lost: samples that the first gets right and the second wrong, at least 0.
        gained: samples that the first gets wrong and the second right, at least 0.
        mid: whether to return the mid-p.

    Raises:
        DataError: a count is negative or no whole number.

    >>> round(mcnemar_p(15, 5), 6), round(mcnemar_p(15, 5, mid=True), 6), mcnemar_p(0, 0)
    (0.041389, 0.026604, 1.0)
    """
    lost, gained = whole("lost", lost, 0), whole("gained", gained, 0)
    from scipy.special import bdtr

    total, fewer = lost + gained, min(lost, gained)
    tail = float(bdtr(fewer, total, 0.5))
    if not mid:
        return min(1.0, 2 * tail)
    # Two tails, each with half of the observed outcome: of the second one we take what lies below that outcome.
    return tail + (float(bdtr(fewer - 1, total, 0.5)) if fewer else 0.0) if total else 1.0
