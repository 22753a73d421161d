from __future__ import annotations

import time

import numpy as np
import pytest

import robustkit
from robustkit_metrics.calibration.bins import bin_index, equal_mass_index
from robustkit_metrics.calibration.ece import Ece
from robustkit_metrics.calibration.error import chance_error, debiased_square
from robustkit_metrics.calibration.params import EceParams


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


@pytest.mark.parametrize(("norm", "expected"), [("l1", 0.306667), ("l2", 0.330555), ("max", 0.5)])
def test_bins_closed_on_the_left_are_those_of_torchmetrics(records, norm, expected):
    # MulticlassCalibrationError(num_classes=3, n_bins=5, norm=...) of torchmetrics 1.9.0.
    left = Ece(EceParams(bins=5, norm=norm, edge="left"))(records)
    assert left.value == pytest.approx(expected, abs=1e-6)
    assert Ece(EceParams(bins=5, norm=norm))(records).value != pytest.approx(expected, abs=1e-3)
    assert f"/left-closed/{norm}/" in left.spec


def test_confidence_one_has_no_bin_of_its_own_with_left_closed_bins_either():
    records = {"confidence": np.array([0.95, 1.0]), "prediction": np.array([1, 1]), "label": np.array([1, 0])}
    assert Ece(EceParams(bins=10, edge="left"))(records).value == pytest.approx(0.475, abs=1e-12)


@pytest.mark.parametrize("edge", ["right", "left"])
def test_bins_of_equal_mass_hold_equally_many(edge):
    confidence = np.random.default_rng(0).permutation(np.linspace(0.1, 1, 90))
    index = equal_mass_index(confidence, 9, edge)
    assert np.bincount(index).tolist() == [10] * 9
    assert (np.diff(index[np.argsort(confidence)]) >= 0).all()


def test_bins_of_equal_mass_by_hand(records):
    # Sorted: .34 .5 | .6 .7 | .8 .9, of which right: no, no | yes, yes | yes, yes.
    # (|0 - .84| + |2 - 1.3| + |2 - 1.7|) / 6 = 1.84 / 6.
    found = Ece(EceParams(bins=3, binning="equal-mass"))(records)
    assert found.value == pytest.approx(1.84 / 6, abs=1e-6)
    assert Ece(EceParams(bins=3))(records).value != pytest.approx(1.84 / 6, abs=1e-3)


def test_equal_confidences_share_a_bin_whatever_their_order():
    assert equal_mass_index(np.full(7, 0.5), 3).tolist() == [0] * 7
    assert equal_mass_index(np.array([0.2, 0.2, 0.2, 0.9, 0.8]), 5, "left").tolist() == [2, 2, 2, 4, 3]


def test_the_debiased_square_is_that_of_kumar_et_al():
    # By hand: 10 samples, 7 right, confidences .8: (.7 - .8)^2 - .7 * .3 / 9; and 5, all right, confidence .6.
    square = debiased_square(np.array([7 - 8.0, 5 - 3.0]), np.array([7.0, 5.0]), np.array([10.0, 5.0]))
    assert square == pytest.approx((10 * (0.01 - 0.21 / 9) + 5 * 0.16) / 15)
    assert square != pytest.approx((10 * (0.01 - 0.21 / 10) + 5 * 0.16) / 15)  # n_b in place of n_b - 1


def test_debiasing_takes_the_bias_out():
    params = EceParams(bins=10)
    squares, plain = [], []
    for seed in range(200):
        records = calibrated(200, seed)
        index = bin_index(records["confidence"], 10)
        right = records["prediction"] == records["label"]
        sums = [np.bincount(index, each, minlength=10) for each in (right - records["confidence"], right, right | True)]
        squares.append(float(debiased_square(*sums)))
        plain.append(Ece(EceParams(bins=10, norm="l2"))(records).value ** 2 if seed < 20 else np.nan)
    # 200 squares, each with a standard deviation of about .005.
    assert abs(np.mean(squares)) < 0.0012
    assert np.nanmean(plain) > 0.005
    assert params.debiased is False


def test_a_debiased_square_below_zero_is_no_value():
    found = [Ece(EceParams(norm="l2", debiased=True))(calibrated(300, seed)) for seed in range(8)]
    without = [each for each in found if each.value is None]
    assert 0 < len(without) < 8
    assert all("undefined: without its bias the square of the error is below 0" in each.note for each in without)
    assert all(each.ci_low is None for each in without)


def test_the_debiased_interval_covers_a_large_true_error():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(60):
        label = (rng.random(400) < 0.6).astype(float)
        records = {"confidence": np.full(400, 0.9), "prediction": np.ones(400), "label": label}
        found = Ece(EceParams(norm="l2", debiased=True))(records)
        covered += found.ci_low <= 0.3 <= found.ci_high
    assert covered >= 52


def test_debiasing_needs_two_samples_in_a_bin(records):
    alone = Ece(EceParams(bins=9000, norm="l2", debiased=True))(records)
    assert (alone.value, alone.note[:9]) == (None, "undefined")
    some = Ece(EceParams(bins=5, norm="l2", debiased=True))(records)
    assert some.value is None or "alone in their bin" in some.note


def test_only_what_has_a_formula_is_debiased():
    with pytest.raises(robustkit.ConfigError, match="is defined for norm=l2, got norm=max") as raised:
        Ece(EceParams(norm="max", debiased=True))
    assert "norm=l2,debiased=true" in raised.value.hint


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_chance_is_the_error_of_a_calibrated_model(norm):
    values = [Ece(EceParams(norm=norm))(calibrated(1500, seed)) for seed in range(12)]
    assert np.mean([each.value for each in values]) == pytest.approx(values[0].chance, rel=0.15)
    # Four times the samples, half the bias.
    assert Ece(EceParams(norm=norm))(calibrated(6000)).chance == pytest.approx(values[0].chance / 2, rel=0.1)


def test_the_largest_gap_has_no_formula_for_its_bias(records):
    assert chance_error(records["confidence"].astype(float), np.zeros(6, dtype=np.intp), "max") is None


def test_few_samples_for_the_bins_are_said_to_be_few(records):
    few, enough = Ece(EceParams())(calibrated(149)), Ece(EceParams())(calibrated(150))
    assert (few.status, enough.status) == ("unreliable", "ok")
    assert "10 samples for each of 15 bins: biased upward, for a calibrated model by about its chance;" in few.note
    other = Ece(EceParams())(calibrated(60, seed=1))
    assert (other.note, other.chance != few.chance) == (few.note, True), "equal notes are shown as one"
    assert enough.note == ""
    assert Ece(EceParams(norm="max"))(records).note.startswith(
        "fewer than 10 samples for each of 15 bins: biased upward; "
    )


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


def test_debiased_errors_of_few_samples_a_bin_are_unreliable_and_count_those_that_count():
    rng = np.random.default_rng(0)
    confidence = np.concatenate([np.linspace(0.1, 0.4, 30), np.full(30, 0.9)])
    records = {"confidence": confidence, "prediction": np.ones(60), "label": (rng.random(60) < 0.5).astype(float)}
    found = Ece(EceParams(bins=10_000, norm="l2", debiased=True))(records)
    assert (found.status, found.n) == ("unreliable", 30)
    assert "fewer than 10 samples for each of 10000 bins" in found.note
    assert "30 samples that are alone in their bin are left out" in found.note
    three = {name: column[-3:] for name, column in records.items()} | {"label": np.zeros(3)}
    assert Ece(EceParams(norm="l2", debiased=True))(three).status == "unreliable"
    enough = {"confidence": np.full(150, 0.9), "prediction": np.ones(150), "label": np.arange(150) % 2}
    assert Ece(EceParams(norm="l2", debiased=True))(enough).status == "ok"
