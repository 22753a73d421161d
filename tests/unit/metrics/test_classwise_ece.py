from __future__ import annotations

import numpy as np
import pytest
import torch

import robustkit
from robustkit_metrics.calibration.classwise_ece import ClasswiseEce
from robustkit_metrics.calibration.params import ClasswiseEceParams

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.45, 0.5, 0.05], [0.15, 0.25, 0.6], [0.9, 0.05, 0.05]])
LABELS = np.array([0, 0, 2, 1])


@pytest.fixture
def batch(make_batch):
    """Return a function that makes a batch of these probabilities."""

    def make(probabilities, labels):
        logits = torch.tensor(np.log(probabilities), dtype=torch.float32)
        made = make_batch(torch.nn.Identity(), logits, torch.tensor(labels))
        return robustkit.MetricBatch(**{**vars(made), "logits": logits})

    return make


def by_hand(probabilities, labels, bins):
    """Classwise ECE as three loops over (a, b], without the code under test."""
    n, classes = probabilities.shape
    errors = []
    for each in range(classes):
        total = 0.0
        for index in range(bins):
            low, high = index / bins, (index + 1) / bins
            inside = [p for p in range(n) if low < probabilities[p, each] <= high]
            total += abs(sum((labels[p] == each) - probabilities[p, each] for p in inside))
        errors.append(total / n)
    return sum(errors) / classes


def test_it_is_the_mean_over_classes_of_the_error_of_their_probabilities(batch):
    metric = ClasswiseEce(ClasswiseEceParams(bins=2))
    found = metric.estimate([metric.measure(batch(PROBABILITIES, LABELS))])
    # By hand: class 0, (0, .5]: |1 - .6|, (.5, 1]: |1 - 1.6|; class 1, one bin: |1 - 1|; class 2: |0 - .2|, |1 - .6|.
    assert found.value == pytest.approx((0.4 + 0.6 + 0.0 + 0.2 + 0.4) / 4 / 3, abs=1e-6)
    assert found.n == 4
    assert found.status == "unreliable"
    assert found.spec == "ece/classwise/equal-width/bins=2/right-closed/l1/plug-in"


def test_many_samples_in_any_batches(batch):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 400)
    labels = rng.integers(5, size=400)
    metric = ClasswiseEce(ClasswiseEceParams())
    states = [metric.measure(batch(probabilities[part], labels[part])) for part in (slice(0, 1), slice(1, 400))]
    found = metric.estimate([metric.merge(states)])
    assert found.value == pytest.approx(by_hand(probabilities, labels, 15), abs=1e-6)
    top = (probabilities.argmax(1) == labels) - probabilities.max(1)
    assert found.value != pytest.approx(abs(top).mean(), abs=0.01)


def test_a_calibrated_model_has_a_small_error_and_a_jackknife_interval(batch):
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(3), 5000)
    labels = np.array([rng.choice(3, p=row) for row in probabilities])
    metric = ClasswiseEce(ClasswiseEceParams(bins=10))
    parts = [slice(start, start + 500) for start in range(0, 5000, 500)]
    chunks = [metric.measure(batch(probabilities[part], labels[part])) for part in parts]
    found = metric.estimate(chunks)
    assert found.value < 0.03
    assert found.ci_low < found.value < found.ci_high
    assert (found.interval, metric.estimate(chunks[:4]).interval) == ("jackknife-chunks", "")


def test_logits_that_are_not_finite_leave_it_undefined(batch):
    broken = batch(PROBABILITIES, LABELS)
    broken.logits[1, 0] = torch.nan
    metric = ClasswiseEce(ClasswiseEceParams())
    found = metric.estimate([metric.measure(broken)])
    assert found.value is None
    assert "the logits of 1 of 4 samples are not finite" in found.note


def test_without_logits_it_says_what_to_declare(make_batch):
    bare = make_batch(torch.nn.Identity(), torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
    with pytest.raises(robustkit.PluginError, match="no logits"):
        ClasswiseEce(ClasswiseEceParams()).measure(bare)
