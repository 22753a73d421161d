"""The metric `linear-probe`: what is kept, what is fitted to what, which samples are chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import robustkit
import robustkit_metrics
from robustkit.testing import check_metric
from robustkit_metrics.probe.linear_probe import LinearProbe
from robustkit_metrics.probe.params import LinearProbeParams

DECLARED = next(each for each in robustkit_metrics.robustkit_metrics() if each.name == "linear-probe")


def samples(n=400, d=3, apart=3.0, seed=0):
    labels = torch.arange(n) % 2
    features = torch.from_numpy(np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32))
    features[:, 0] += apart * labels
    return features, labels


@pytest.fixture
def measure(make_batch):
    """Return the state of some samples, whose layer `layer` has given clean and degraded features."""

    def measured(metric, clean, degraded, labels, rows=slice(None)):
        ids = torch.arange(len(labels))[rows]
        batch = make_batch(
            None,
            degraded[rows],
            labels[rows],
            clean=clean[rows],
            features={"layer": degraded[rows]},
            clean_features={"layer": clean[rows]},
        )
        return metric.measure(replace(batch, keys=replace(batch.keys, ids=ids)))

    return measured


def metric(**given):
    return LinearProbe(LinearProbeParams(**given))


@pytest.mark.parametrize(
    "given", [{}, {"train": "same"}, {"control": True}, {"samples": 20}, {"l2": "auto", "folds": 2}]
)
def test_it_keeps_the_contract(given):
    check_metric(lambda: metric(**given), DECLARED)
    check_metric(lambda: metric(**given), replace(DECLARED, modality="text"))


def test_it_is_the_public_function(measure):
    features, labels = samples()
    found = metric().estimate([measure(metric(), features, features, labels)])["layer"]
    expected = robustkit.linear_probe(features.numpy(), labels.numpy()).estimate
    assert (found.value, found.ci_low, found.ci_high, found.n) == (
        expected.value,
        expected.ci_low,
        expected.ci_high,
        400,
    )
    assert (found.interval, found.status, found.chance) == ("wilson", "ok", 0.5)


def test_probes_of_clean_features_are_asked_about_degraded_ones(measure):
    clean, labels = samples(apart=5.0)
    turned = 5 - clean
    by_train = {
        train: metric(train=train).estimate([measure(metric(train=train), clean, turned, labels)])["layer"].value
        for train in ("clean", "same")
    }
    assert by_train["clean"] < 0.05
    assert by_train["same"] > 0.95


def test_probes_of_the_same_features_keep_no_clean_ones(measure):
    features, labels = samples()
    kept = {train: set(measure(metric(train=train), features, features, labels)) for train in ("clean", "same")}
    assert kept["clean"] - kept["same"] == {"chosen/layer/clean"}


def test_the_control_is_the_chance(measure):
    features, labels = samples(apart=6.0)
    state = measure(metric(), features, features, labels)
    plain, control = (metric(control=control).estimate([state])["layer"] for control in (False, True))
    assert control.value == plain.value > 0.99
    assert plain.chance == 0.5
    assert 0.4 < control.chance < 0.6
    assert control.chance != plain.chance
    assert ("chance=largest-class" in plain.spec, "chance=shuffled-labels" in control.spec) == (True, True)


@pytest.mark.parametrize("step", [1, 7, 400])
def test_so_many_samples_are_chosen_by_their_ids_whatever_the_batches(measure, step):
    features, labels = samples()
    few = metric(samples=60)
    states = [measure(few, features, features, labels, slice(a, a + step)) for a in range(0, 400, step)]
    assert all(len(each["chosen/layer/rows"]) <= 60 for each in states)
    merged = few.merge([few.merge(states[: len(states) // 2 + 1]), *states[len(states) // 2 + 1 :]])
    assert len(merged["chosen/ids"]) == 60
    assert not np.array_equal(np.sort(merged["chosen/ids"]), np.arange(60)), "not the first ones"
    whole = few.estimate([measure(few, features, features, labels)])["layer"]
    assert few.estimate(states) == {"layer": whole}
    assert whole.n == 60
    assert "/samples=60/" in whole.spec


def test_features_are_kept_as_float32_and_maps_are_averaged(make_batch):
    maps = torch.rand(20, 3, 4, 5, dtype=torch.float64)
    batch = make_batch(
        None, maps, torch.arange(20) % 2, features={"conv": maps.half(), "head": maps.mean((2, 3))},
        clean_features={"conv": maps, "head": maps.mean((2, 3))},
    )  # fmt: skip
    state = metric(folds=2).measure(batch)
    assert {name: (array.dtype, array.shape) for name, array in state.items() if name.count("/") == 2} == {
        f"chosen/{layer}/{kind}": (np.dtype(np.float32), (20, 3))
        for layer in ("conv", "head")
        for kind in ("rows", "clean")
    }
    order = np.argsort(state["chosen/ids"])
    assert state["chosen/head/rows"][order] == pytest.approx(maps.mean((2, 3)).numpy(), abs=1e-6)
    assert state["chosen/conv/rows"][order] == pytest.approx(maps.mean((2, 3)).numpy(), abs=1e-3)
    assert list(metric(folds=2).estimate([state])) == ["conv", "head"]


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (torch.rand(20, 6), "6 features, more than widest=5"),
        (torch.rand(20, 3, 4), "(N, 3, 4) features may be"),
        (torch.full((20, 3), torch.nan), "NaN or infinite"),
    ],
)
def test_a_layer_that_cannot_be_used_costs_its_own_part_alone(make_batch, features, reason):
    good = torch.rand(20, 2)
    batch = make_batch(
        None, good, torch.arange(20) % 2, features={"bad": features, "good": good},
        clean_features={"bad": torch.rand_like(features), "good": good},
    )  # fmt: skip
    few = metric(widest=5, folds=2)
    batch = replace(batch, unusable={"spare": "is not called in the forward pass"})
    found = few.estimate([few.merge([few.measure(batch)])])
    assert found["good"].value is not None
    assert found["bad"].value is None
    assert reason in found["bad"].note
    assert found["spare"].note == "undefined: the layer is not called in the forward pass"
    assert {each.n for each in found.values()} == {20}


@pytest.mark.parametrize("train", ["clean", "same"])
def test_clean_features_that_are_not_finite_count_where_they_are_used(measure, train):
    features, labels = samples(40)
    spoilt = features.clone()
    spoilt[3] = torch.inf
    found = metric(train=train).estimate([measure(metric(train=train), spoilt, features, labels)])["layer"]
    assert (found.value is None) == (train == "clean")


def test_a_run_has_a_row_a_layer_and_condition(tmp_path):
    done = robustkit.evaluate(
        {
            "model": [{"checkpoint": str(checkpoint())}],
            "data": "zoo/fashion-mnist-mini",
            "limit": 200,
            "perturbation": ["gaussian-noise:severity=5"],
            "metric": ["linear-probe"],
            "device": "cpu",
        },
        out=tmp_path / "run",
    )
    assert not done.failures
    rows = {(row["metric"].partition("@")[2], row["condition"] == "clean"): row for row in done.rows}
    assert {layer for layer, _ in rows} == {"conv1", "conv2", "conv3", "conv4", "linear"}
    assert rows["linear", True]["value"] > 0.7
    assert rows["linear", False]["value"] < rows["linear", True]["value"]
    assert rows["conv4", True]["status"] == "unreliable", "160 samples for 64 channels"
    assert rows["conv1", True]["status"] == "ok"
    assert all(0.1 <= row["chance"] < 0.15 for row in rows.values())


def checkpoint():
    from robustkit_zoo.assets import ASSETS

    return ASSETS / "checkpoints" / "fashion-cnn-standard-seed0.safetensors"
