"""Linear probes: against Bayes' accuracy of Gaussians, with negative controls."""

from __future__ import annotations

import numpy as np
import pytest

from robustkit import ConfigError, DataError, ProbeSettings, fit_linear_probe, linear_probe, shuffle_labels
from robustkit.probes.folds import assign_folds
from robustkit.probes.logistic import fit_logistic, standardise


def gaussians(n=2000, d=3, apart=2.0, seed=0, classes=2):
    """Unit Gaussians whose means are `apart` along the first axis."""
    labels = np.arange(n) % classes
    features = np.random.default_rng(seed).standard_normal((n, d))
    features[:, 0] += apart * labels
    return features, labels


def skewed(n=600, seed=1):
    """Correlated overlapping classes with a minimum at finite weights."""
    features, labels = gaussians(n, d=4, apart=1.0, seed=seed, classes=3)
    return features @ np.random.default_rng(seed).standard_normal((4, 4)), labels


def test_two_gaussians_have_bayes_accuracy():
    """Phi(apart / 2): 0.841345 for 2, from tables of the normal distribution."""
    found = linear_probe(*gaussians()).estimate
    assert found.ci_low < 0.841345 < found.ci_high
    assert found.ci_high - found.ci_low < 0.04
    assert (found.n, found.interval, found.chance, found.status) == (2000, "wilson", 0.5, "ok")


def test_three_gaussians_on_a_line_have_bayes_accuracy():
    """The middle class has two neighbours: 1 - (4/3) (1 - Phi(1)) = 0.788460."""
    found = linear_probe(*gaussians(3000, classes=3)).estimate
    assert found.ci_low < 0.788460 < found.ci_high


def test_shuffled_labels_are_at_chance():
    """Negative control: nothing can be read, and nothing is."""
    features, labels = gaussians(apart=6.0)
    shuffled = shuffle_labels(labels, np.arange(len(labels)))
    found = linear_probe(features, shuffled).estimate
    assert found.ci_low < 0.5 < found.ci_high
    assert linear_probe(features, labels).estimate.value > 0.99


def test_a_probe_that_saw_its_samples_would_fit_random_labels():
    """The leak that cross-fitting excludes: 150 samples of 100 features, labels at random."""
    random = np.random.default_rng(3)
    features, labels = random.standard_normal((150, 100)), random.integers(2, size=150)
    held_out = linear_probe(features, labels).estimate
    fit = fit_logistic(standardise(features), labels, 2, 0.01)
    in_sample = (fit.logits(features).argmax(axis=1) == labels).mean()
    assert held_out.ci_low < 0.5 < held_out.ci_high
    assert in_sample > 0.95
    assert (held_out.status, held_out.note.partition(":")[0]) == ("unreliable", "unreliable")
    assert "120 samples to fit 100 features" in held_out.note


def test_no_sample_has_an_influence_on_its_own_verdict():
    features, labels = gaussians(200, apart=1.0)
    before = fit_linear_probe(features, labels)
    moved = features.copy()
    held = before.folds == 2
    moved[held] += 100.0
    after = fit_linear_probe(moved, labels)
    assert np.array_equal(before.fits[2].weight, after.fits[2].weight)
    assert not np.array_equal(before.fits[1].weight, after.fits[1].weight)


def test_without_a_penalty_invertible_linear_maps_change_nothing():
    features, labels = skewed()
    bend = np.random.default_rng(5).standard_normal((4, 4)) + 2 * np.eye(4)
    assert np.linalg.cond(bend) > 3
    free, bound = ProbeSettings(l2=0.0), ProbeSettings(l2=1.0)
    one, other = (linear_probe(each, labels, settings=free) for each in (features, features @ bend + 7.0))
    assert np.array_equal(one.predictions, other.predictions)
    assert one.estimate.status == "ok"
    # With a penalty it is another probe.
    one, other = (linear_probe(each, labels, settings=bound) for each in (features, features @ bend + 7.0))
    assert not np.array_equal(one.predictions, other.predictions)


def test_scale_and_offset_never_matter():
    features, labels = skewed()
    one, other = (linear_probe(each, labels) for each in (features, 1e4 * features * np.array([1, 1e-3, 5, 1]) - 1e5))
    assert np.array_equal(one.predictions, other.predictions)


@pytest.mark.parametrize("scale", [1e160, 1e-160, 1e-300])
def test_squares_that_no_number_holds_do_not_matter(scale):
    features, labels = skewed()
    one, other = (linear_probe(each, labels) for each in (features, features * scale))
    assert np.array_equal(one.predictions, other.predictions)
    assert one.estimate == other.estimate


def test_the_fit_is_the_minimum():
    """The gradient of the loss, by central differences of its definition, is 0 there and not beside it."""
    features, labels = skewed(200)
    fit = fit_logistic(standardise(features), labels, 3, 0.05)
    rows = (features - features.mean(0)) / features.std(0)

    def loss(flat):
        weight, bias = flat[:12].reshape(4, 3), flat[12:]
        p = np.exp(rows @ weight + bias)
        p /= p.sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(200), labels]).mean() + 0.025 * np.square(weight).sum()

    def slope(flat):
        steps = 1e-5 * np.eye(15)
        return np.abs([(loss(flat + step) - loss(flat - step)) / 2e-5 for step in steps]).max()

    at = np.concatenate([fit.weight.ravel(), fit.bias])
    assert slope(at) < 1e-5
    assert slope(at + 0.01 * np.arange(15)) > 1e-3


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_samples_does_not_matter(seed):
    features, labels = gaussians(300, apart=1.0)
    ids = 7 * np.arange(300) + 3
    order = np.random.default_rng(seed).permutation(300)
    one = linear_probe(features, labels, ids=ids)
    other = linear_probe(features[order], labels[order], ids=ids[order])
    assert np.array_equal(one.predictions[order], other.predictions)
    assert np.array_equal(shuffle_labels(labels, ids)[order], shuffle_labels(labels[order], ids[order]))


def test_folds_come_from_ids_and_seed_and_have_their_share_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 23, 7])
    folds = assign_folds(np.arange(80), labels, 5)
    counts = np.array([np.bincount(folds[labels == label], minlength=5) for label in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1
    assert np.ptp(counts.sum(axis=0)) == 0
    assert not np.array_equal(folds, assign_folds(np.arange(80), labels, 5, seed=1))
    assert not np.array_equal(folds, assign_folds(np.arange(80) + 1000, labels, 5))
    # Not by order: sorted data would come into folds in turn.
    assert not np.array_equal(folds, np.arange(80) % 5)


def test_other_features_are_judged_by_the_probes_of_the_first():
    features, labels = gaussians(1000, apart=4.0)
    fitted = fit_linear_probe(features, labels)
    assert fitted.evaluate(features).estimate.value > 0.95
    turned = 4 - features
    assert fitted.evaluate(turned).estimate.value < 0.05, "far below chance: what was learnt is turned around"
    assert linear_probe(turned, labels).estimate.value > 0.95, "but it is all there"
    assert fitted.evaluate(turned).estimate == linear_probe(features, labels, evaluated=turned).estimate


def test_the_penalty_can_be_chosen_without_the_held_out_samples():
    random = np.random.default_rng(7)
    features, labels = gaussians(240, d=60, apart=1.5, seed=7)
    features[:, 1:] = random.standard_normal((240, 59))
    weak, chosen = (linear_probe(features, labels, settings=ProbeSettings(l2=l2)) for l2 in (0.0001, "auto"))
    probe = fit_linear_probe(features, labels, settings=ProbeSettings(l2="auto"))
    assert set(probe.l2) <= {1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001}
    assert min(probe.l2) > 0.001, "many useless features call for a strong penalty"
    assert chosen.estimate.value > weak.estimate.value
    assert "l2=auto" in chosen.estimate.spec


def test_an_extreme_point_of_the_simplex_is_read_without_error():
    """Class means at an equiangular tight frame, without scatter."""
    frame = np.eye(4) - 0.25
    labels = np.arange(40) % 4
    found = linear_probe(frame[labels], labels).estimate
    assert (found.value, found.ci_high, found.status) == (1.0, 1.0, "ok")


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6])
def test_features_that_do_not_vary_are_at_chance(constant):
    labels = np.repeat([0, 1], [30, 20])
    found = linear_probe(np.full((50, 3), constant, dtype=np.float32), labels).estimate
    assert (found.value, found.chance, found.status) == (0.6, 0.6, "ok")


def test_what_does_not_vary_when_clean_has_no_weight():
    features, labels = gaussians(300, d=2, apart=3.0)
    features[:, 1] = 0.3
    degraded = features + np.array([0.0, 1e3])
    assert np.array_equal(
        linear_probe(features, labels, evaluated=degraded).predictions, linear_probe(features, labels).predictions
    )


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(30, dtype=int), "all samples have one label"),
        (np.repeat([0, 4], [26, 4]), "label 4 has 4 samples, 5 of each are needed"),
    ],
)
def test_what_has_no_probe_is_undefined_and_says_why(labels, reason):
    found = linear_probe(np.random.default_rng(0).standard_normal((30, 2)), labels)
    assert (found.estimate.value, found.estimate.n, found.estimate.status) == (None, 30, "undefined")
    assert reason in found.estimate.note
    assert found.predictions.shape == found.correct.shape == (0,)


def test_one_sample_is_undefined():
    assert linear_probe(np.ones((1, 2)), [0]).estimate.status == "undefined"


def test_inner_folds_need_more_samples():
    features, labels = gaussians(8)
    assert linear_probe(features, labels, settings=ProbeSettings(folds=3)).estimate.value is not None
    found = linear_probe(features, labels, settings=ProbeSettings(l2="auto", folds=3)).estimate
    assert (found.value, "label 0 has 4 samples, 5 of each" in found.note) == (None, True)
    enough = linear_probe(*gaussians(10), settings=ProbeSettings(l2="auto", folds=3)).estimate
    assert enough.value is not None


def test_a_fit_without_end_is_unreliable():
    features, labels = gaussians(100, apart=50.0)
    found = linear_probe(features, labels, settings=ProbeSettings(l2=0.0)).estimate
    assert found.status == "unreliable"
    assert "separable" in found.note
    assert linear_probe(features, labels).estimate.status == "ok"


def test_a_fit_that_was_cut_off_is_unreliable(monkeypatch):
    monkeypatch.setattr("robustkit.probes.logistic._STEPS", 2)
    found = linear_probe(*skewed()).estimate
    assert (found.status, "did not converge in 5 of 5 folds" in found.note) == ("unreliable", True)


GOOD = np.random.default_rng(0).standard_normal((20, 3))


@pytest.mark.parametrize(
    ("features", "labels", "extra", "message"),
    [
        (GOOD[:, 0], np.arange(20) % 2, {}, r"expected numbers of shape \(n, d\), got \(20,\)"),
        (GOOD[:0], [], {}, r"got \(0, 3\)"),
        (GOOD[:, None], np.arange(20) % 2, {}, r"got \(20, 1, 3\)"),
        (np.where(GOOD > 1, np.nan, GOOD), np.arange(20) % 2, {}, "NaN or infinity"),
        (GOOD, np.arange(19) % 2, {}, r"labels: expected 20 integers or names, one a sample, got \(19,\)"),
        (GOOD, np.arange(20) / 2, {}, "labels: expected 20 integers"),
        (GOOD, np.arange(20) % 2, {"ids": np.zeros(20, int)}, "expected 20 distinct ids, got 1"),
        (GOOD, np.arange(20) % 2, {"evaluated": GOOD[:9]}, r"expected \(20, 3\).* got \(9, 3\)"),
        (GOOD, np.arange(20) % 2, {"evaluated": GOOD[:, :2]}, r"expected \(20, 3\).* got \(20, 2\)"),
    ],
)
def test_malformed_arrays_are_refused(features, labels, extra, message):
    with pytest.raises(DataError, match=message):
        linear_probe(features, labels, **extra)


@pytest.mark.parametrize("given", [{"folds": 1}, {"l2": -0.1}, {"l2": float("inf")}, {"l2": float("nan")}])
def test_impossible_settings_are_refused(given):
    with pytest.raises(ConfigError):
        ProbeSettings(**given)
