"""Other metrics than accuracy: what interval can be given, and what is said where none can."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from robustkit import wilson_interval
from robustkit.analysis.paired.pair import compare_paired
from robustkit.store import RunFolder

RNG = np.random.default_rng(0)
SHARED = RNG.exponential(size=50)
NLL = {"a": SHARED + 0.1 * RNG.random(50), "b": SHARED + 0.2 + 0.1 * RNG.random(50)}


def row(model, metric, value, low=None, high=None, **more):
    found = {"model": model, "dataset": "toy", "condition": "clean", "seed": 0, "metric": metric}
    return {**found, "value": value, "n": 50, "ci_low": low, "ci_high": high, **more}


def with_nll(run, values):
    """Write the losses into the records of a run."""
    folder = RunFolder(run)
    for cell in folder.read_manifest()["cells"]:
        records = folder.read_cell(cell["key"], 1)
        folder.commit_chunk(cell["key"], 0, {**records, "nll": values[cell["model"]]})
    return run


@pytest.fixture
def compare(make_run):
    """Return a function that compares two models of a run with these further results."""

    def run(*rows, correct=None, **more):
        folder = make_run(correct or {"a": {"clean": [1] * 50}, "b": {"clean": [1] * 50}}, rows=rows, **more)
        with_nll(folder, {name: NLL[name[0]] for name in (correct or NLL)})
        (pair,) = compare_paired([f"{folder}/a", f"{folder}/b"])
        return {line.metric: line for line in pair.metrics}, pair

    return run


def test_the_mean_of_a_stored_number_is_compared_sample_by_sample(compare):
    lines, _ = compare(*(row(name, "metrics/nll", float(values.mean())) for name, values in NLL.items()))
    line = lines["metrics/nll"]
    expected = stats.ttest_rel(NLL["b"], NLL["a"]).confidence_interval(0.95)
    assert (line.low, line.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert line.difference == pytest.approx(NLL["b"].mean() - NLL["a"].mean(), abs=1e-6)
    assert line.method == "paired-t"
    # Two samples of their own would say much less.
    apart = stats.ttest_ind(NLL["b"], NLL["a"], equal_var=False).confidence_interval(0.95)
    assert line.high - line.low < 0.3 * (apart.high - apart.low)


def test_a_metric_that_is_called_as_a_column_and_is_not_its_mean_is_not_taken_for_it(compare):
    lines, _ = compare(*(row(name, "mine/nll", 2 * float(values.mean())) for name, values in NLL.items()))
    assert lines["mine/nll"].method == ""
    assert "no interval" in lines["mine/nll"].note


def test_of_two_intervals_the_difference_has_one_as_if_unpaired(compare):
    ends = [wilson_interval(right, n) for right, n in ((48, 80), (56, 70))]
    lines, _ = compare(row("a", "m/rate", 48 / 80, *ends[0]), row("b", "m/rate", 56 / 70, *ends[1]))
    line = lines["m/rate"]
    assert line.method == "unpaired"
    assert (line.low, line.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("a", "m/x", 1.0), row("b", "m/x", 2.0)], "gives no interval"),
        ([row("a", "m/x", None), row("b", "m/x", 2.0)], "undefined for one side"),
        (
            [row("a", "m/x", 1.0, 0.0, 2.0, spec="u"), row("b", "m/x", 2.0, 1.0, 3.0, spec="v")],
            "different ways (u | v)",
        ),
    ],
)
def test_what_cannot_be_given_is_explained(compare, rows, said):
    lines, _ = compare(*rows)
    assert (lines["m/x"].low, lines["m/x"].high) == (None, None)
    assert said in lines["m/x"].note


def test_what_one_run_calls_unreliable_is_called_so_here(compare):
    lines, _ = compare(row("a", "m/x", 1.0, 0.0, 2.0, status="unreliable"), row("b", "m/x", 2.0, 1.0, 3.0, status="ok"))
    assert lines["m/x"].note.startswith("unreliable")
    assert lines["m/x"].method == "unpaired"


def test_numbers_on_different_samples_are_not_subtracted(make_run):
    rows = [row("net", "metrics/ece", 0.1, 0.0, 0.2), row("net", "metrics/nll", float(NLL["a"].mean()))]
    first = with_nll(make_run({"net": {"clean": [1] * 50}}, name="a", rows=rows), {"net": NLL["a"]})
    ids = list(range(25, 75))
    second = with_nll(make_run({"net": {"clean": [1] * 50}}, name="b", rows=rows, ids=ids), {"net": NLL["a"]})
    (pair,) = compare_paired([str(first), str(second)])
    lines = {line.metric: line for line in pair.metrics}
    assert lines["metrics/ece"].difference is None
    assert "samples differ" in lines["metrics/ece"].note
    shared = NLL["a"][:25].mean() - NLL["a"][25:].mean()
    assert lines["metrics/nll"].difference == pytest.approx(shared, abs=1e-6)
    assert lines["metrics/nll"].n == 25


def test_groups_are_compared_over_their_seeds(make_run):
    names = [f"{group}{seed}" for group in "ab" for seed in range(3)]
    rows = [row(name, "m/x", value) for name, value in zip(names, (1.0, 2.0, 3.0, 1.0, 1.5, 2.0), strict=True)]
    facts = {name: {"group": name[0], "training_seed": int(name[1])} for name in names}
    run = make_run({name: {"clean": [1] * 50} for name in names}, rows=rows, facts=facts)
    (pair,) = compare_paired([f"{run}/a", f"{run}/b"])
    (line,) = pair.metrics
    assert line.method == "welch"
    assert (line.low, line.high) == pytest.approx((-2.5777, 1.5777), abs=5e-5)
    (pair,) = compare_paired([f"{run}/a", f"{run}/b1"])
    assert "trained once" in pair.metrics[0].note


def test_several_seeds_of_a_perturbation_are_no_independent_values(make_run):
    fog = "c/fog:severity=1"
    correct = {name: {f"{fog}@{seed}": [1] * 50 for seed in (0, 1)} for name in "ab"}
    rows = [row(name, "m/x", 1.0 + seed, 0.0, 3.0, condition=fog, seed=seed) for name in "ab" for seed in (0, 1)]
    (pair,) = compare_paired([f"{make_run(correct, rows=rows)}/{name}" for name in "ab"])
    assert pair.metrics[0].first == 1.5
    assert "share their samples" in pair.metrics[0].note


def test_metrics_that_one_side_lacks_are_named(compare):
    lines, pair = compare(row("a", "m/x", 1.0))
    assert lines == {}
    assert any("one side alone has: m/x" in note for note in pair.notes)
