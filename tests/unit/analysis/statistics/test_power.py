from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import robustkit
from robustkit.analysis.statistics.mcnemar import mcnemar_p
from robustkit.analysis.statistics.power import mcnemar_detectable, mean_detectable


def exact_power(n: int, discordant: float, difference: float) -> float:
    """Return how often McNemar's mid-p test finds a difference, by going through all outcomes that can happen."""
    gains = (discordant + difference) / 2 / discordant
    power = 0.0
    for total in range(n + 1):
        weight = stats.binom.pmf(total, n, discordant)
        if weight > 1e-8:
            found = [mcnemar_p(total - each, each, mid=True) <= 0.05 for each in range(total + 1)]
            power += weight * stats.binom.pmf(np.arange(total + 1), total, gains)[found].sum()
    return float(power)


def samples_needed(discordant: float, difference: float) -> float:
    """Connor (1987): the number of pairs for a power of 80 % at 5 %."""
    root = 1.959964 * discordant**0.5 + 0.841621 * (discordant - difference**2) ** 0.5
    return (root / difference) ** 2


@pytest.mark.parametrize(("n", "discordant"), [(150, 0.3), (300, 0.1), (300, 0.25)])
def test_the_test_finds_it_four_times_of_five(n, discordant):
    found = mcnemar_detectable(n, discordant)
    assert exact_power(n, discordant, found) == pytest.approx(0.8, abs=0.03)
    assert exact_power(n, discordant, 0.6 * found) < 0.5


@pytest.mark.parametrize(("n", "discordant"), [(100, 0.4), (1000, 0.2), (10_000, 0.05)])
def test_it_inverts_connors_number_of_samples(n, discordant):
    assert samples_needed(discordant, mcnemar_detectable(n, discordant)) == pytest.approx(n, rel=1e-5)


def test_more_samples_and_less_discordance_detect_less():
    assert mcnemar_detectable(2000, 0.2) < mcnemar_detectable(1000, 0.2)
    assert mcnemar_detectable(1000, 0.1) < mcnemar_detectable(1000, 0.2)
    assert mcnemar_detectable(1000, 0.2, power=0.9) > mcnemar_detectable(1000, 0.2)


@pytest.mark.parametrize(("n", "discordant"), [(100, 0.0), (20, 0.1), (1, 1.0)])
def test_where_nothing_can_be_found_there_is_no_number(n, discordant):
    assert mcnemar_detectable(n, discordant) is None


def test_of_a_mean():
    # 1.959964 + 0.841621 standard errors.
    assert mean_detectable(0.5) == pytest.approx(0.5 * 2.801585, abs=1e-6)
    assert mean_detectable(0.5, power=0.5) == pytest.approx(0.5 * 1.959964, abs=1e-6)


@pytest.mark.parametrize("arguments", [(0, 0.1), (10, 1.1)])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(robustkit.DataError, match="discordant"):
        mcnemar_detectable(*arguments)
