from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import robustkit
from robustkit_metrics.brier import Brier
from robustkit_metrics.nll import Nll

brier, nll = Brier(robustkit.NoParams()), Nll(robustkit.NoParams())


def test_nll_of_the_reference_probabilities(records):
    # By hand: -(ln .7 + ln .4 + ln .6 + ln .9 + ln .33 + ln .8) / 6.
    assert nll(records).value == pytest.approx(0.536826, abs=1e-6)


def test_brier_is_summed_over_classes(records):
    # By hand: (.14 + .62 + .24 + .015 + .6734 + .06) / 6.
    value = brier(records).value
    assert value == pytest.approx(0.291400, abs=1e-6)
    assert value != pytest.approx(0.291400 / 3, abs=1e-2)


@pytest.mark.parametrize(("metric", "column"), [(nll, "nll"), (brier, "brier")])
def test_a_mean_loss_carries_students_interval(records, metric, column):
    estimate = metric(records)
    reference = stats.ttest_1samp(records[column].astype(float), 0.0).confidence_interval(0.95)
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((max(reference.low, 0.0), reference.high), abs=1e-9)
    assert (estimate.n, estimate.interval) == (6, "student-t")


def test_the_interval_of_a_loss_does_not_go_below_zero():
    losses = {"nll": np.array([0.0, 0.0, 0.0, 5.0], np.float32)}
    assert robustkit.mean_interval(losses["nll"])[0] < 0
    assert nll(losses).ci_low == 0.0


def test_one_sample_has_a_value_and_no_interval():
    estimate = nll({"nll": np.array([0.5], np.float32)})
    assert (estimate.value, estimate.n, estimate.ci_low, estimate.ci_high) == (0.5, 1, None, None)


def test_many_float32_losses_are_summed_in_float64():
    losses = np.full(1_000_000, 0.1, np.float32)
    assert nll({"nll": losses}).value == pytest.approx(float(np.float32(0.1)), abs=1e-12)
