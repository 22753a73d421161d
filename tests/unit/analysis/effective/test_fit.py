"""The line through baseline models: reference values, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robustkit.analysis.effective.fit import fit_baselines
from robustkit.errors import ConfigError, DataError

# Four baselines, computed with scipy.special.logit and numpy.polyfit; the probit value with scipy.stats.norm.
CLEAN, SHIFTED = [0.60, 0.70, 0.75, 0.80], [0.45, 0.57, 0.63, 0.70]


def test_the_line_is_straight_in_logits() -> None:
    fit = fit_baselines(CLEAN, SHIFTED, fewest=4)
    assert fit.slope == pytest.approx(1.064256, abs=1e-6)
    assert fit.intercept == pytest.approx(-0.629286, abs=1e-6)
    predicted = fit.predict(0.78)
    assert predicted is not None
    assert predicted.value == pytest.approx(0.672102, abs=1e-6)
    assert fit.effective_robustness(0.78, 0.72) == pytest.approx(0.047898, abs=1e-6)
    # In plain accuracies the same line says something else.
    slope, intercept = np.polyfit(CLEAN, SHIFTED, 1)
    assert intercept + slope * 0.78 != pytest.approx(predicted.value, abs=1e-4)


def test_or_in_probits() -> None:
    predicted = fit_baselines(CLEAN, SHIFTED, scale="probit", fewest=4).predict(0.78)
    assert predicted is not None
    assert predicted.value == pytest.approx(0.671973, abs=1e-6)


def test_the_prediction_interval_is_that_of_the_textbook() -> None:
    from scipy.special import expit, logit
    from scipy.stats import t

    x, y = logit(CLEAN), logit(SHIFTED)
    design = np.stack([np.ones(4), x], axis=1)
    inverse, at = np.linalg.inv(design.T @ design), np.array([1.0, logit(0.78)])
    beta = inverse @ design.T @ y
    error = np.sqrt(np.square(y - design @ beta).sum() / 2)
    half = t.ppf(0.975, 2) * error * np.sqrt(1 + at @ inverse @ at)
    predicted = fit_baselines(CLEAN, SHIFTED, fewest=4).predict(0.78)
    assert predicted is not None
    assert (predicted.low, predicted.high) == pytest.approx(tuple(expit(at @ beta + np.array([-half, half]))))
    # Without the 1 it would be the interval of the line, which is narrower.
    narrow = t.ppf(0.975, 2) * error * np.sqrt(at @ inverse @ at)
    assert predicted.low != pytest.approx(expit(at @ beta - narrow), abs=1e-4)


def test_the_interval_holds_a_further_baseline_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        x = rng.uniform(0, 2, 11)
        y = 0.8 * x - 0.5 + rng.normal(0, 0.2, 11)
        clean, shifted = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-y))
        middle = int(np.argsort(x)[5])
        rest = [place for place in range(11) if place != middle]
        predicted = fit_baselines(list(clean[rest]), list(shifted[rest])).predict(float(clean[middle]))
        assert predicted is not None
        held += predicted.low <= shifted[middle] <= predicted.high
    assert 365 <= held <= 393  # binomial(400, .95): 362 and below, or 394 and above, each with less than 0.5 %


@pytest.mark.parametrize("clean", [0.599, 0.801])
def test_nothing_is_said_outside_the_baselines(clean: float) -> None:
    fit = fit_baselines(CLEAN, SHIFTED, fewest=4)
    assert fit.predict(clean) is None
    assert fit.effective_robustness(clean, 0.7) is None
    assert fit.predict(0.6) is not None


@pytest.mark.parametrize(
    ("clean", "shifted", "more", "kind", "message"),
    [
        (CLEAN, SHIFTED, {}, ConfigError, "needs 8 baseline models, got 4"),
        (CLEAN[:2], SHIFTED[:2], {"fewest": 1}, ConfigError, "needs 3 baseline models, got 2"),
        ([*CLEAN, 1.0], [*SHIFTED, 0.9], {"fewest": 3}, DataError, "above 0 and below 1, got 1"),
        (CLEAN, [*SHIFTED[:3], 0.0], {"fewest": 3}, DataError, "above 0 and below 1, got 0"),
        ([0.7] * 4, SHIFTED, {"fewest": 3}, DataError, "all baselines have the clean accuracy 0.7"),
        (CLEAN, SHIFTED[:3], {"fewest": 3}, DataError, "got 4 clean and 3 under shift"),
    ],
)
def test_what_no_line_can_be_fitted_to_is_refused(
    clean: list[float], shifted: list[float], more: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as raised:
        fit_baselines(clean, shifted, **more)
    assert message in str(raised.value)
