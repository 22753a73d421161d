"""Coarse-to-fine transfer: closed forms, the collapse of fine classes, ceilings, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from robustkit import ConfigError, DataError, ProbeSettings, coarse_to_fine

# Fine classes 0, 1, 2 in coarse class 0, and 3, 4 in coarse class 1.
SIZES = (50, 30, 20, 60, 40)
FINE = np.repeat(np.arange(5), SIZES)
COARSE = (FINE > 2).astype(int)
CHANCE = (50 + 60) / 200


def noise(d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((len(FINE), d))


def around(centres, scatter=0.1, seed=0):
    centres = np.asarray(centres, dtype=float)
    return centres[FINE] + scatter * noise(centres.shape[1], seed)


def case_a():
    """The matrix and labels whose neural collapse is known from elsewhere, as one coarse class."""
    i = np.arange(1, 13)[:, None]
    return np.sin(i * np.arange(1, 5)), np.zeros(12, dtype=int), (np.arange(12)) % 3


def values(result):
    return {name: each.value for name, each in result.estimates.items()}


@pytest.mark.parametrize("offset", [0.0, 0.1, 1e3])
def test_features_that_are_collapsed_to_coarse_classes_have_no_transfer(offset):
    features = np.array([[1.0, 0.0, 0.3], [0.0, 1.0, 0.3]], dtype=np.float32)[COARSE] + np.float32(offset)
    found = coarse_to_fine(features, COARSE, FINE)
    assert (found.estimates["accuracy"].value, found.estimates["accuracy"].chance) == (CHANCE, CHANCE)
    assert (found.estimates["transfer"].value, found.estimates["transfer"].chance) == (0.0, 0.0)
    assert found.estimates["top-1"].value == CHANCE
    for name in ("nc1", "cdnv"):
        assert found.estimates[name].status == "undefined"
        assert "the means of the fine labels 0 and 1 do not differ" in found.estimates[name].note


def test_fine_classes_that_lie_apart_transfer_wholly():
    found = coarse_to_fine(around(3 * np.eye(5)), COARSE, FINE)
    assert (found.estimates["transfer"].value, found.estimates["accuracy"].value) == (1.0, 1.0)
    assert values(found)["cdnv"] < 0.01


def test_transfer_is_the_way_from_chance_to_the_ceiling():
    features = around(np.eye(5), scatter=0.7)
    one, low = (coarse_to_fine(features, COARSE, FINE, ceiling=ceiling).estimates for ceiling in (1.0, 0.9))
    accuracy = one["accuracy"]
    assert 0.6 < accuracy.value < 0.9
    assert one["transfer"].value == pytest.approx((accuracy.value - CHANCE) / (1 - CHANCE), abs=1e-12)
    assert low["transfer"].value == pytest.approx((accuracy.value - CHANCE) / (0.9 - CHANCE), abs=1e-12)
    assert one["transfer"].ci_low == pytest.approx((accuracy.ci_low - CHANCE) / (1 - CHANCE), abs=1e-12)
    assert one["transfer"].spec.startswith("transfer/ceiling=1/within-coarse/logistic/")
    # Negative control: without chance it would be another number.
    assert abs(one["transfer"].value - accuracy.value) > 0.1


def test_noise_is_at_chance_whatever_it_says_of_the_coarse_labels():
    """Within coarse classes nothing can be read; a probe over all labels is worse off by not knowing the coarse one."""
    features = noise(seed=2)
    blind = coarse_to_fine(features, COARSE, FINE).estimates
    told = coarse_to_fine(features + 100 * COARSE[:, None], COARSE, FINE).estimates
    for found in (blind, told):
        assert found["accuracy"].ci_low < CHANCE < found["accuracy"].ci_high
        assert found["transfer"].ci_low < 0 < found["transfer"].ci_high
    assert blind["accuracy"].value == told["accuracy"].value
    assert blind["top-1"].value < 0.4 < told["top-1"].value


def test_a_reference_is_the_ceiling_and_the_interval_knows_that_both_saw_the_same_samples():
    good, poor = around(np.eye(5), scatter=0.4), around(np.eye(5), scatter=0.8, seed=1)
    reference = coarse_to_fine(good, COARSE, FINE)
    found = coarse_to_fine(poor, COARSE, FINE, ceiling=reference).estimates
    top, own = reference.estimates["accuracy"].value, found["accuracy"].value
    assert found["ceiling"].value == top
    assert found["transfer"].value == pytest.approx((own - CHANCE) / (top - CHANCE), abs=1e-12)
    assert found["transfer"].interval == "bootstrap"
    assert found["transfer"].ci_low < found["transfer"].value < found["transfer"].ci_high
    same = coarse_to_fine(good, COARSE, FINE, ceiling=reference).estimates["transfer"]
    assert (same.value, same.ci_low, same.ci_high) == (1.0, 1.0, 1.0)
    # Negative control: taken as a number, the same ceiling leaves an interval.
    alone = coarse_to_fine(good, COARSE, FINE, ceiling=top).estimates["transfer"]
    assert alone.ci_high - alone.ci_low > 0.05


@pytest.mark.parametrize("ceiling", [0.3, CHANCE])
def test_a_ceiling_at_chance_leaves_nothing_to_reach(ceiling):
    found = coarse_to_fine(noise(), COARSE, FINE, ceiling=ceiling).estimates
    assert found["transfer"].value is None
    assert "is not above chance" in found["transfer"].note
    assert found["accuracy"].value is not None


def test_a_coarse_class_with_one_fine_class_is_left_out():
    """It would be right by itself."""
    fine = np.concatenate([FINE, np.full(100, 9)])
    coarse = np.concatenate([COARSE, np.full(100, 5)])
    features = np.concatenate([around(np.eye(5), 0.7), np.zeros((100, 5))])
    found, alone = coarse_to_fine(features, coarse, fine), coarse_to_fine(features[:200], COARSE, FINE)
    assert found.estimates["accuracy"].n == 200
    assert found.divided.sum() == 200
    assert values(found)["nc1"] == pytest.approx(values(alone)["nc1"], rel=1e-12)
    assert found.estimates["accuracy"].chance == CHANCE
    assert found.estimates["top-1"].n == 300


def test_degraded_features_are_judged_by_probes_of_clean_ones():
    clean = around(3 * np.eye(5))
    degraded = coarse_to_fine(clean, COARSE, FINE, evaluated=noise(5, seed=3))
    assert degraded.estimates["accuracy"].ci_low < CHANCE
    assert values(degraded)["cdnv"] > 1
    assert values(coarse_to_fine(clean, COARSE, FINE))["cdnv"] < 0.1


def test_collapse_within_one_coarse_class_is_neural_collapse():
    """Published for this matrix: NC1 0.183653, CDNV 0.542387 (spectral definitions of Papyan and of Galanti)."""
    features, coarse, fine = case_a()
    found = coarse_to_fine(features, coarse, fine, settings=ProbeSettings(folds=2))
    assert values(found)["nc1"] == pytest.approx(0.183653, abs=1e-6)
    assert values(found)["cdnv"] == pytest.approx(0.542387, abs=1e-6)
    assert found.estimates["nc1"].status == "unreliable"
    assert "fine label 0 has 4 samples, 10 are needed" in found.estimates["nc1"].note


def test_collapse_is_about_fine_classes_of_the_same_coarse_class():
    """Two coarse classes far apart are each like case A; without the coarse labels the numbers would be others."""
    features, coarse, fine = case_a()
    features, coarse, fine = (
        np.concatenate([features, features + 50]),
        np.concatenate([coarse, coarse + 1]),
        np.concatenate([fine, fine + 3]),
    )
    two = ProbeSettings(folds=2)
    found = coarse_to_fine(features, coarse, fine, settings=two)
    assert values(found)["cdnv"] == pytest.approx(0.542387, abs=1e-6)
    assert values(found)["nc1"] == pytest.approx(0.183653, abs=1e-6)
    blind = coarse_to_fine(features, np.zeros(24, int), fine, settings=two)
    assert values(blind)["cdnv"] < 0.3


def test_an_equiangular_tight_frame_of_fine_classes_is_fully_collapsed():
    features = (np.eye(5) - 0.2)[FINE]
    found = coarse_to_fine(features, COARSE, FINE)
    expected = {"transfer": 1.0, "accuracy": 1.0, "top-1": 1.0, "nc1": 0.0, "cdnv": 0.0}
    assert values(found) == pytest.approx(expected, abs=1e-12)


def test_fine_classes_that_are_the_same_are_as_collapsed_as_shuffled_ones():
    """In half of the draws the value is above its chance level, as it must be of one draw more of the same."""
    drawn = [coarse_to_fine(noise(6, seed), COARSE, FINE).estimates for seed in range(40)]
    for name in ("nc1", "cdnv"):
        above = sum(each[name].value > each[name].chance for each in drawn)
        assert 10 <= above <= 30
        apart = coarse_to_fine(around(3 * np.eye(5)), COARSE, FINE).estimates[name]
        assert apart.value < 0.01 * apart.chance


@pytest.mark.parametrize(
    ("coarse", "fine", "reason"),
    [
        (COARSE, np.where(np.arange(200) == 199, 0, FINE), "fine label 0 has samples of the coarse labels 0 and 1"),
        (COARSE, COARSE, "no coarse label has two fine ones"),
        (np.zeros(200, int), np.zeros(200, int), "no coarse label has two fine ones"),
    ],
)
def test_labels_that_are_no_refinement_are_undefined(coarse, fine, reason):
    found = coarse_to_fine(noise(), coarse, fine)
    assert all(each.status == "undefined" for each in found.estimates.values())
    assert all(reason in each.note for each in found.estimates.values())
    assert list(found.estimates) == ["transfer", "accuracy", "top-1", "nc1", "cdnv"]


def test_too_few_samples_of_a_fine_class_are_undefined_and_named():
    kept = np.r_[0:150, 197:200]
    found = coarse_to_fine(noise()[kept], COARSE[kept], FINE[kept])
    assert "within coarse label 1: label 4 has 3 samples, 5 of each" in found.estimates["transfer"].note
    assert found.estimates["accuracy"].value is None
    assert not found.correct.any()


def test_few_samples_for_many_features_are_unreliable():
    found = coarse_to_fine(noise(60), COARSE, FINE).estimates
    assert found["transfer"].status == found["accuracy"].status == "unreliable"
    assert "within coarse label 0: 80 samples to fit 60 features" in found["accuracy"].note
    assert "and 1 more" in found["accuracy"].note


def test_the_order_of_samples_does_not_matter():
    order = np.random.default_rng(4).permutation(200)
    features, ids = around(np.eye(5), 0.7), np.arange(200) * 3
    one = coarse_to_fine(features, COARSE, FINE, ids=ids)
    other = coarse_to_fine(features[order], COARSE[order], FINE[order], ids=ids[order])
    assert np.array_equal(one.correct[order], other.correct)
    assert values(one) == pytest.approx(values(other), rel=1e-9)


def test_what_cannot_be_a_ceiling_is_refused():
    for ceiling in (0.0, 1.5, -1.0):
        with pytest.raises(ConfigError, match="expected a ceiling above 0 and at most 1"):
            coarse_to_fine(noise(), COARSE, FINE, ceiling=ceiling)
    with pytest.raises(ConfigError, match="the ceiling is of other samples"):
        coarse_to_fine(noise(), COARSE, FINE, ceiling=coarse_to_fine(noise()[1:], COARSE[1:], FINE[1:]))
    with pytest.raises(DataError, match="expected 200 integers"):
        coarse_to_fine(noise(), COARSE, FINE[1:])


def test_labels_may_be_names_and_notes_call_them_by_these():
    names = np.array(["pug", "collie", "husky", "tabby", "manx"])[FINE]
    features = around(np.eye(5), 0.7)
    named = coarse_to_fine(features, np.array(["dog", "cat"])[COARSE], names)
    assert values(named)["accuracy"] == pytest.approx(
        values(coarse_to_fine(features, COARSE, FINE))["accuracy"], abs=0.1
    )
    kept = np.r_[0:150, 197:200]
    found = coarse_to_fine(features[kept], COARSE[kept], names[kept])
    assert "label manx has 3 samples" in found.estimates["accuracy"].note


def test_one_sample_of_each_fine_class_has_no_scatter():
    rows = np.random.default_rng(0).normal(size=(8, 2))
    found = coarse_to_fine(rows, np.arange(8) // 4, np.arange(8)).estimates
    assert found["nc1"].value is found["cdnv"].value is None
    assert "one sample of each fine label, such as 0: no scatter" in found["nc1"].note


@pytest.mark.parametrize("scale", [1e160, 1e-300])
def test_the_scale_of_features_does_not_matter_to_collapse(scale):
    fine = np.arange(80) % 4
    rows = np.random.default_rng(0).normal(size=(80, 2)) + fine[:, None]
    one, other = (coarse_to_fine(each, fine // 2, fine).estimates for each in (rows, rows * scale))
    assert one["cdnv"].value == pytest.approx(other["cdnv"].value)
    assert one["nc1"].value == pytest.approx(other["nc1"].value)
