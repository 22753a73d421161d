"""The smallest difference that a paired comparison would probably have found."""

from __future__ import annotations

from math import inf, sqrt

from robustkit.analysis.statistics.checked import number
from robustkit.analysis.statistics.intervals import LEVEL, normal_quantile
from robustkit.errors import DataError

POWER = 0.8


def mcnemar_detectable(n: int, discordant: float, *, power: float = POWER) -> float | None:
    """Return the smallest difference of accuracies that McNemar's test at 5 % would find with this power, or None.

    None where no difference would be found: as many samples as change sides bound the difference, and they are too few.

    Source: Connor (1987), Biometrics 43, 207-211, equation for n solved for the difference; normal approximation.

    Args:
        n: number of samples, at least 1.
        discordant: share of the samples that one of two models gets right and the other wrong, 0 to 1; the observed
            one is an estimate.
        power: probability of finding it, between 0.5 and 1.

    Raises:
        DataError: an argument is out of its range.

    >>> round(mcnemar_detectable(1000, 0.2), 4), mcnemar_detectable(20, 0.1)
    (0.0396, None)
    """
    if n < 1 or not 0 <= discordant <= 1 or not 0.5 <= power < 1:
        raise DataError(
            f"expected n >= 1, a share and a power, got n={n}, discordant={discordant}, power={power}",
            "give the share of discordant samples between 0 and 1, and a power from 0.5 to 1",
        )
    alpha, beta = normal_quantile(LEVEL), normal_quantile(2 * power - 1)
    inside = n - alpha**2 + beta**2
    if inside < 0:
        return None
    found = sqrt(discordant) * (alpha * sqrt(n) + beta * sqrt(inside)) / (n + beta**2)
    return found if 0 < found <= discordant else None


def mean_detectable(standard_error: float, *, freedom: float | None = None, power: float = POWER) -> float:
    """Return the smallest difference that a two-sided test at 5 % would find with this power.

    Args:
        standard_error: of the difference, at least 0.
        freedom: degrees of freedom of Student's t, by which it is a little too small; without, the normal law is used.
        power: probability of finding it, from 0.5 and below 1.

    Raises:
        DataError: an argument is out of its range.

    >>> round(mean_detectable(0.01), 4), round(mean_detectable(0.01, freedom=4), 4)
    (0.028, 0.0372)
    """
    standard_error = number("standard_error", standard_error, 0)
    if not 0.5 <= number("power", power) < 1:
        raise DataError(f"expected a power from 0.5 and below 1, got power={power}", "0.8 is usual")
    if freedom is None:
        return (normal_quantile(LEVEL) + normal_quantile(2 * power - 1)) * standard_error
    from scipy.special import stdtrit

    freedom = number("freedom", freedom, 0, inf, inside=True)
    return float(stdtrit(freedom, (1 + LEVEL) / 2) + stdtrit(freedom, power)) * standard_error
