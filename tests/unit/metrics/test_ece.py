from __future__ import annotations

import time

import numpy as np
import pytest

import robustkit
from robustkit_metrics.ece import Ece, bin_index
from robustkit_metrics.params import EceParams


def calibrated(n, seed=0):
    """Records of a model that is right exactly as often as it says."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.1, 1.0, n).astype(np.float32)
    return {
        "confidence": confidence,
        "prediction": np.ones(n, np.int32),
        "label": (rng.random(n) < confidence).astype(np.int32),
    }


def left_closed_ece(records, bins):
    """The other edge rule, [a, b), as a loop: what the metric must not compute."""
    total = 0.0
    for index in range(bins):
        low, high = np.float32(index / bins), np.float32((index + 1) / bins)
        inside = (records["confidence"] >= low) & (records["confidence"] < high)
        right = (records["prediction"] == records["label"])[inside]
        total += abs(float(right.sum()) - float(records["confidence"][inside].sum()))
    return total / len(records["label"])


def test_bins_are_closed_on_the_right_as_in_guo_et_al(records):
    # By hand with bins (0,.2], (.2,.4] …: (|0 - .34| + |1 - 1.1| + |1 - .7 + 1 - .8| + |1 - .9|) / 6 = 1.04 / 6.
    # The same data with bins closed on the left give 1.84 / 6 = 0.306667, as torchmetrics 1.9.0 does.
    value = Ece(EceParams(bins=5))(records).value
    assert value == pytest.approx(0.173333, abs=1e-6)
    assert left_closed_ece(records, 5) == pytest.approx(0.306667, abs=1e-6)


def test_confidence_one_belongs_to_the_last_bin():
    # By hand, both in (.9, 1]: |1 - 1.95| / 2. With a bin of its own for 1.0 it would be 0.525.
    records = {"confidence": np.array([0.95, 1.0]), "prediction": np.array([1, 1]), "label": np.array([1, 0])}
    assert Ece(EceParams(bins=10))(records).value == pytest.approx(0.475, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [3, 5, 7, 10, 15, 20, 100])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(dtype, bins):
    edges = np.array([k / bins for k in range(1, bins + 1)], dtype)
    assert bin_index(edges, bins).tolist() == list(range(bins))
    assert bin_index(np.nextafter(edges[:-1], dtype(1)), bins).tolist() == list(range(1, bins))


def test_integer_confidences_are_binned_as_numbers():
    assert bin_index(np.array([0, 1]), 4).tolist() == [0, 3]


def test_a_calibrated_model_is_biased_upward_by_about_the_root_of_bins_over_n():
    values = [Ece(EceParams())(calibrated(1500, seed)).value for seed in range(10)]
    assert 0.01 < np.mean(values) < (15 / 1500) ** 0.5


def test_the_interval_covers_a_large_true_error():
    # Confidence .9 and accuracy .6 in every bin that is used: the true error is .3, and the bias is small beside it.
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(60):
        records = {
            "confidence": np.full(300, 0.9),
            "prediction": np.ones(300),
            "label": (rng.random(300) < 0.6).astype(float),
        }
        estimate = Ece(EceParams())(records)
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        covered += estimate.ci_low <= 0.3 <= estimate.ci_high
    # Binomial(60, .95) is below 52 with probability 0.006.
    assert covered >= 52


def test_the_interval_contains_the_value_even_where_all_resamples_lie_above_it():
    # Of 100 samples at each confidence exactly that share is right: the value is 0, and no resample's is.
    shares = np.array([10, 30, 50, 70, 90])
    records = {
        "confidence": np.repeat(shares / 100, 100),
        "prediction": np.ones(500),
        "label": np.concatenate([np.arange(100) < share for share in shares]),
    }
    estimate = Ece(EceParams(bins=5))(records)
    assert estimate.value == pytest.approx(0.0, abs=1e-12)
    assert estimate.ci_low == estimate.value
    assert estimate.ci_high is not None
    assert 0.02 < estimate.ci_high < 0.1


def test_ece_is_the_same_every_time_and_in_any_order():
    records = calibrated(500)
    shuffled = {name: column[::-1] for name, column in records.items()}
    once, again, other = (Ece(EceParams())(each) for each in (records, records, shuffled))
    assert once == again
    assert other.value == pytest.approx(once.value, abs=1e-12)


def test_ten_thousand_samples_take_well_under_a_few_seconds():
    records = calibrated(10_000)
    start = time.process_time()
    Ece(EceParams())(records)
    assert time.process_time() - start < 5  # 0.4 s on a slow shared core; a loop over resamples takes far longer


def test_logits_in_place_of_confidences_are_refused():
    records = {"confidence": np.array([3.2, -1.0]), "prediction": np.ones(2), "label": np.ones(2)}
    with pytest.raises(robustkit.DataError, match=r"in \[0, 1\], got -1.0 to 3.2"):
        Ece(EceParams())(records)
