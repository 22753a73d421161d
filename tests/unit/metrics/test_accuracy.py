from __future__ import annotations

import numpy as np
import pytest

import robustkit
from robustkit_metrics.accuracy import Accuracy

accuracy = Accuracy(robustkit.NoParams())


def test_accuracy_is_the_share_of_right_predictions(records):
    estimate = accuracy(records)
    assert (estimate.value, estimate.n, estimate.interval) == (4 / 6, 6, "wilson")


def test_accuracy_carries_wilsons_interval():
    # 81 of 263: Newcombe (1998), Statist. Med. 17, table I, method 3.
    prediction = np.arange(263) < 81
    estimate = accuracy({"prediction": prediction.astype(np.int32), "label": np.ones(263, np.int32)})
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_all_right_has_a_one_sided_interval():
    estimate = accuracy({"prediction": np.zeros(20, np.int32), "label": np.zeros(20, np.int32)})
    assert (estimate.value, estimate.ci_high) == (1.0, 1.0)
    assert estimate.ci_low == pytest.approx(1 - 0.1611, abs=5e-5)
