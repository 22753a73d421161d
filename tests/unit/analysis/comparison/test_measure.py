"""Accuracy under scopes, and the intervals of each kind of number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from robustkit.analysis.captions import describe_intervals
from robustkit.analysis.comparison.comparison import CLEAN, MEAN, Comparison
from robustkit.analysis.comparison.measure import compare_runs
from robustkit.analysis.comparison.runs import read_runs
from robustkit.analysis.report.verdict import verdict
from robustkit.analysis.statistics.intervals import bootstrap_interval, welch_interval
from robustkit.analysis.statistics.resample import bootstrap_means
from robustkit.analysis.statistics.seeds import seed_difference

RNG = np.random.default_rng(5)


def compare(*paths: Path) -> Comparison:
    (comparison,) = compare_runs(read_runs(paths))
    return comparison


def draws(n: int, share: float) -> list[int]:
    return (RNG.random(n) < share).astype(int).tolist()


def test_a_single_condition_has_the_interval_of_the_results_table(two_models: Path) -> None:
    comparison = compare(two_models)
    plain = comparison.of(comparison.subjects[0], CLEAN)
    expected = stats.binomtest(18, 20).proportion_ci(method="wilson")
    assert (plain.value, plain.method, plain.n) == (0.9, "wilson", 20)
    assert (plain.low, plain.high) == pytest.approx((expected.low, expected.high))


def test_a_mean_over_conditions_resamples_samples_not_conditions(make_run: Any) -> None:
    first, second = draws(200, 0.8), draws(200, 0.4)
    comparison = compare(make_run({"a": {"clean": first, "c/f:severity=1": first, "c/f:severity=2": second}}))
    measured = comparison.of(comparison.subjects[0], MEAN)
    both = (np.array(first) + np.array(second)) / 2
    expected = bootstrap_interval(lambda counts: counts @ both / 200, 200)
    assert measured.value == pytest.approx(both.mean())
    assert (measured.low, measured.high) == pytest.approx(expected)
    assert measured.method == "bootstrap"


def test_the_bootstrap_agrees_with_the_normal_approximation_of_many_samples() -> None:
    values = RNG.random(4000)
    ((low, high),) = bootstrap_means([values])
    expected = stats.norm.interval(0.95, values.mean(), values.std() / np.sqrt(4000))
    assert (low, high) == pytest.approx(expected, abs=6e-4)


def test_a_group_has_student_s_interval_over_training_seeds(make_run: Any) -> None:
    rights = (11, 13, 15)
    correct = {f"m{right}": {"clean": [1] * right + [0] * (20 - right)} for right in rights}
    facts = {f"m{right}": {"group": "net", "training_seed": right} for right in rights}
    comparison = compare(make_run(correct, facts=facts))
    (subject,) = comparison.subjects
    measured = comparison.of(subject, CLEAN)
    values = np.array(rights) / 20
    expected = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert subject.name == "net"
    assert (measured.low, measured.high) == pytest.approx(expected)
    assert (measured.method, measured.n) == ("student-t", 3)
    assert dict(measured.replicates) == {"m11": 0.55, "m13": 0.65, "m15": 0.75}


def test_an_interval_over_seeds_is_cut_off_where_accuracy_ends(make_run: Any) -> None:
    correct = {"m0": {"clean": [1] * 20}, "m1": {"clean": [1] * 10 + [0] * 10}}
    facts = {name: {"group": "net"} for name in correct}
    comparison = compare(make_run(correct, facts=facts))
    measured = comparison.of(comparison.subjects[0], CLEAN)
    assert (measured.low, measured.high) == (0.0, 1.0)
    anywhere = comparison.metric(comparison.subjects[0], CLEAN, "metrics/accuracy")
    assert (anywhere.low, anywhere.high) == (0.0, 1.0)


def test_the_same_weights_count_once_in_a_group(make_run: Any) -> None:
    correct = {"m0": {"clean": [1, 0]}, "m1": {"clean": [1, 1]}}
    same = {"group": "net", "identity": {"weights": "same"}}
    comparison = compare(make_run(correct, facts={"m0": same, "m1": same}))
    assert [subject.models for subject in comparison.subjects] == [("m0",)]
    assert "same weights" in comparison.notes[0]


def test_models_of_one_name_in_two_runs_are_told_apart(make_run: Any) -> None:
    paths = [make_run({"net": {"clean": [1, 0]}}, name=name) for name in ("first", "second")]
    comparison = compare(*paths)
    assert [subject.name for subject in comparison.subjects] == ["net (first)", "net (second)"]
    assert "2 runs have a model called 'net'" in comparison.notes[0]


def test_a_group_may_come_from_several_runs(make_run: Any) -> None:
    paths = [
        make_run({"net": {"clean": [1, 0]}}, name=f"seed{seed}", facts={"net": {"training_seed": seed}})
        for seed in (0, 1)
    ]
    (subject,) = compare(*paths).subjects
    assert (subject.name, subject.is_group) == ("net", True)


def test_a_condition_that_one_model_lacks_is_in_no_mean(make_run: Any) -> None:
    fog = [1, 1, 0, 0]
    comparison = compare(
        make_run(
            {
                "a": {"clean": fog, "c/fog:severity=1": fog, "c/snow:severity=1": [0, 0, 0, 0]},
                "b": {"clean": fog, "c/fog:severity=1": fog},
            }
        )
    )
    assert comparison.scopes[MEAN].conditions == ("c/fog:severity=1",)
    assert comparison.of(comparison.subjects[0], MEAN).value == 0.5
    assert "snow" in comparison.notes[0]


def test_only_seeds_that_all_models_share_are_averaged(make_run: Any) -> None:
    comparison = compare(
        make_run(
            {
                "a": {"clean": [1, 1], "c/f:severity=1@0": [1, 1], "c/f:severity=1@1": [0, 0]},
                "b": {"clean": [1, 1], "c/f:severity=1@0": [1, 0]},
            }
        )
    )
    assert comparison.of(comparison.subjects[0], MEAN).value == 1.0
    assert "only the seeds that all models share" in comparison.notes[0]


def test_seeds_of_a_perturbation_are_averaged_within_samples(make_run: Any) -> None:
    comparison = compare(
        make_run({"a": {"clean": [1] * 8, "c/f:severity=1@0": [1, 0] * 4, "c/f:severity=1@1": [0, 1] * 4}})
    )
    measured = comparison.of(comparison.subjects[0], "c/f:severity=1")
    # Each sample is right under one of its two seeds, so samples do not differ at all.
    assert (measured.value, measured.low, measured.high) == (0.5, 0.5, 0.5)


def test_without_records_a_mean_has_no_interval(make_run: Any) -> None:
    correct = {"a": {"clean": [1, 0], "c/f:severity=1": [1, 0], "c/f:severity=2": [0, 0]}}
    comparison = compare(make_run(correct, records=False))
    measured = comparison.of(comparison.subjects[0], MEAN)
    assert (measured.value, measured.low, measured.high) == (0.25, None, None)


def test_the_strongest_attack_is_the_headline(make_run: Any) -> None:
    half, none = [1, 0], [0, 0]
    attacks = {"a/pgd:eps=0.1,steps=5": half, "a/pgd:eps=0.1,steps=9": none, "a/pgd:eps=0.05,steps=9": half}
    correct = {"m": {"clean": half, **attacks}}
    assert compare(make_run(correct, records=False)).headline == (CLEAN, "a/pgd:eps=0.1,steps=9")
    # With records it is known what both together leave.
    assert compare(make_run(correct, name="other")).headline == (CLEAN, "worst-case:eps=0.1,norm=linf")


def test_a_paired_difference_is_narrower_than_the_intervals_apart(make_run: Any) -> None:
    worse = draws(400, 0.6)
    better = [1 if place % 20 == 0 else right for place, right in enumerate(worse)]
    comparison = compare(make_run({"worse": {"clean": worse}, "better": {"clean": better}}))
    gap = comparison.gaps[CLEAN, "worse"]
    measured = [comparison.of(subject, CLEAN) for subject in comparison.subjects]
    assert measured[0].high > measured[1].low, "the intervals overlap"
    assert gap.separable
    assert gap.method == "bootstrap"


def test_groups_are_compared_over_training_seeds_and_samples(make_run: Any) -> None:
    rights = {"a": (15, 17, 18), "b": (10, 12)}
    correct = {
        f"{group}{right}": {"clean": [1] * right + [0] * (20 - right)} for group in rights for right in rights[group]
    }
    facts = {name: {"group": f"group-{name[0]}"} for name in correct}
    gap = compare(make_run(correct, facts=facts)).gaps[CLEAN, "group-b"]
    a, b = (np.array([[1.0] * right + [0.0] * (20 - right) for right in rights[group]]) for group in "ab")
    expected = seed_difference(b, a)
    assert gap.method == "seeds-and-samples-t"
    assert (gap.low, gap.high) == pytest.approx(expected.interval())
    # Welch's over the seeds alone leaves the samples out.
    welch = stats.ttest_ind(a.mean(1), b.mean(1), equal_var=False).confidence_interval()
    assert gap.high - gap.low != pytest.approx(welch.high - welch.low, rel=0.01)


def test_welch_without_variance_is_undefined() -> None:
    # 0.1 three times has a mean, and so a variance, that rounding puts a hair off.
    assert welch_interval([0.1, 0.1, 0.1], [0.25, 0.25]) is None
    assert welch_interval([0.5, 0.6], [0.25, 0.25]) is not None


def agreeing(make_run: Any, n: int = 40, **more: Any) -> Comparison:
    """Return two groups whose seeds agree exactly in accuracy, but not in the samples."""
    first, fog = [1] * (n // 2) + [0] * (n // 2), "c/f:severity="
    correct = {
        f"{group}{seed}": {"clean": right[::step], f"{fog}1": [0] * n, f"{fog}2": right[::step]}
        for group, right in (("a", first), ("b", [1] * 6 + [0] * (n - 6)))
        for seed, step in ((0, 1), (1, -1))
    }
    return compare(make_run(correct, facts={name: {"group": f"group-{name[0]}"} for name in correct}, **more))


def test_a_group_whose_seeds_agree_has_the_interval_over_samples(make_run: Any) -> None:
    comparison = agreeing(make_run)
    group = comparison.subjects[0]
    single, zero, mean = (comparison.of(group, scope) for scope in (CLEAN, "c/f:severity=1", MEAN))
    expected = stats.binomtest(20, 40).proportion_ci(method="wilson")
    assert (single.low, single.high) == pytest.approx((expected.low, expected.high))
    assert (single.method, single.over, single.n) == ("wilson", "samples", 40)
    assert (zero.low, zero.high) == pytest.approx(stats.binomtest(0, 40).proportion_ci(method="wilson"))
    one = np.array([1] * 20 + [0] * 20) / 2  # a seed is never right under one condition, and for half under the other
    expected_mean = bootstrap_interval(lambda counts: counts @ one / 40, 40)
    assert (mean.low, mean.high) == pytest.approx(expected_mean, abs=0.02)
    assert (mean.method, mean.over) == ("bootstrap", "samples")
    assert dict(mean.replicates) == {"a0": 0.25, "a1": 0.25}
    caption = describe_intervals(comparison, [single])
    assert "gave the same value" in caption
    assert "over samples instead" in caption
    assert "over training seeds" not in caption


def test_metrics_of_a_group_whose_seeds_agree_have_the_widest_interval_of_its_seeds(make_run: Any) -> None:
    ends = {"a0": (0.1, 0.3), "a1": (0.05, 0.4)}
    cell = {"dataset": "toy", "condition": CLEAN, "seed": 0, "n": 40, "metric": "metrics/nll", "value": 0.2}
    rows = [{**cell, "model": name, "ci_low": low, "ci_high": high} for name, (low, high) in ends.items()]
    metrics = {"metrics/nll": {"interval": "student-t"}, "metrics/accuracy": {"interval": "wilson"}}
    comparison = agreeing(make_run, rows=rows, metrics=metrics)
    measured = comparison.metric(comparison.subjects[0], CLEAN, "metrics/nll")
    assert (measured.low, measured.high, measured.method, measured.over) == (0.05, 0.4, "student-t", "samples")


def test_groups_whose_seeds_agree_are_compared_over_samples(make_run: Any) -> None:
    gap = agreeing(make_run).gaps[CLEAN, "group-b"]
    assert gap.value == pytest.approx(0.35)
    assert gap.method == "seeds-and-samples-t"
    assert gap.low < 0.35 < gap.high


def test_without_records_groups_whose_seeds_agree_are_not_separable(make_run: Any) -> None:
    comparison = agreeing(make_run, records=False)
    gap = comparison.gaps[CLEAN, "group-b"]
    assert (gap.low, gap.high, gap.separable) == (None, None, False)
    assert "not separable" in next(each.text for each in verdict(comparison, None) if each.about == "clean")


PART_BOUNDS = {"bounds": [None, None], "part_bounds": {"ratio": [0.0, None], "share": [0.0, 1.0]}}


@pytest.mark.parametrize(
    ("part", "values", "bounds"), [("ratio", (0.1, 3.0), (0.0, np.inf)), ("share", (0.4, 0.9), (0.0, 1.0))]
)
def test_no_interval_leaves_the_scale_of_its_part(
    make_run: Any, part: str, values: tuple[float, float], bounds: tuple[float, float]
) -> None:
    metric = f"metrics/sens:basis=patch@{part}"
    cell = {"dataset": "toy", "condition": CLEAN, "seed": 0, "n": 2, "ci_low": -0.5, "ci_high": 5.0, "metric": metric}
    facts = {f"m{seed}": trained(seed) for seed in (0, 1)}
    rows = [{**cell, "model": name, "value": value} for name, value in zip(("m0", "m1"), values, strict=True)]
    rows += [{**cell, "model": "lone", "value": values[0]}]
    names = (*facts, "lone")
    metrics = {"metrics/sens:basis=patch": PART_BOUNDS | {"interval": "own"}, "metrics/accuracy": {}}
    comparison = compare(make_run({name: {"clean": [1, 0]} for name in names}, facts=facts, rows=rows, metrics=metrics))
    for subject in comparison.subjects:
        measured = comparison.metric(subject, CLEAN, metric)
        assert measured.low is not None
        assert measured.low == bounds[0]
        assert measured.high is not None
        assert measured.high <= bounds[1]
        assert "cut off at the ends of the scale" in describe_intervals(comparison, [measured])


def trained(seed: int, recipe: str = "r", group: str = "net") -> dict[str, Any]:
    return {"group": group, "training_seed": seed, "training": {"recipe": recipe}}


def teams(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    return {subject.name: subject.models for subject in comparison.subjects}


def test_a_group_of_several_recipes_is_split(make_run: Any) -> None:
    recipes = {"a0": (0, "r"), "a1": (1, "r"), "b0": (0, "s"), "b1": (1, "s"), "c0": (0, ""), "c1": (1, "t")}
    facts = {name: trained(*each) for name, each in recipes.items()}
    comparison = compare(make_run({name: {"clean": [1, 0]} for name in facts}, facts=facts))
    assert teams(comparison) == {
        "net": ("a0", "a1"),
        "net (2)": ("b0", "b1"),
        "c0": ("c0",),
        "c1": ("c1",),
    }
    (note,) = comparison.notes
    assert "different recipes" in note
    assert "a0, a1 | b0, b1 | c0 | c1" in note


def test_a_second_model_of_the_same_recipe_and_seed_is_no_replicate(make_run: Any) -> None:
    facts = {"m0": trained(0), "again": trained(0), "m1": trained(1)}
    comparison = compare(make_run({name: {"clean": [1, 0]} for name in facts}, facts=facts))
    assert teams(comparison) == {"net": ("m0", "m1"), "again": ("again",)}
    assert "the recipe and the training seed of m0" in comparison.notes[0]


def test_two_models_of_one_seed_are_no_group(make_run: Any) -> None:
    facts = {"m0": trained(0), "again": trained(0)}
    comparison = compare(make_run({name: {"clean": [1, 0]} for name in facts}, facts=facts))
    assert teams(comparison) == {"m0": ("m0",), "again": ("again",)}


def test_an_interval_says_what_it_is_over(make_run: Any) -> None:
    cell = {"dataset": "toy", "condition": CLEAN, "seed": 0, "n": 2, "ci_low": 0.1, "ci_high": 0.3}
    names = ("lone", "m0", "m1")
    rows = [{**cell, "model": name, "metric": "metrics/nll", "value": 0.2 + 0.1 * (name == "m1")} for name in names]
    facts = {f"m{seed}": trained(seed) for seed in (0, 1)}
    metrics = {"metrics/accuracy": {"interval": "wilson"}, "metrics/nll": {"interval": "student-t"}}
    run = make_run({name: {"clean": [1, 0]} for name in names}, facts=facts, rows=rows, metrics=metrics)
    comparison = compare(run)
    lone, group = (comparison.metric(subject, CLEAN, "metrics/nll") for subject in comparison.subjects)
    assert (lone.method, lone.over) == (group.method, "samples")
    assert group.over == "seeds"
    caption = describe_intervals(comparison, [lone])
    assert "Student's t over samples" in caption
    assert "training seeds" not in caption
    assert "Student's t over training seeds" in describe_intervals(comparison, [group])


def test_runs_on_other_samples_are_not_compared(make_run: Any) -> None:
    paths = [make_run({"a": {"clean": [1, 0, 1][:n]}}, name=f"n{n}") for n in (2, 3)]
    assert [comparison.samples for comparison in compare_runs(read_runs(paths))] == [2, 3]


def twins(make_run: Any, *models: dict[str, Any], facts: dict[str, Any], **changes: Any) -> list[Path]:
    """Return one run for each of the given results of the same model."""
    same = {"sha256": "same", "identity": {"weights": "same", "model": "toy/net"}, **facts}
    return [
        make_run({"net": correct}, name=name, facts={"net": same}, **changes)
        for name, correct in zip(("first", "second"), models, strict=True)
    ]


@pytest.mark.parametrize("facts", [{}, {"training_seed": 0, "training": {"recipe": "r"}}])
def test_the_same_model_in_two_runs_is_one_with_the_conditions_of_both(make_run: Any, facts: dict[str, Any]) -> None:
    fog, attack = "c/fog:severity=1", "a/pgd:eps=0.1"
    runs = twins(make_run, {"clean": [1, 0, 1, 0], fog: [1, 1, 1, 0]}, {attack: [1, 0, 0, 0]}, facts=facts)
    comparison = compare(*runs)
    (subject,) = comparison.subjects
    assert subject.name == "net"
    assert [comparison.of(subject, scope).value for scope in (CLEAN, MEAN, attack)] == [0.5, 0.75, 0.25]
    assert comparison.headline == (CLEAN, MEAN, attack)
    assert "in runs first, second" in comparison.notes[0]
    assert "differ" not in comparison.notes[0]


def test_results_that_both_runs_have_count_once_and_the_difference_is_told(make_run: Any) -> None:
    noise = "c/f:severity=1"
    first, second = {"clean": [1] * 4, f"{noise}@0": [1, 1, 0, 0]}, {"clean": [1, 1, 1, 0], f"{noise}@1": [0] * 4}
    comparison = compare(*twins(make_run, first, second, facts={}))
    (subject,) = comparison.subjects
    assert comparison.of(subject, CLEAN).value == 1.0
    merged = comparison.of(subject, noise)
    assert (merged.value, merged.method) == (0.25, "bootstrap")
    assert "1 result(s) differ" in comparison.notes[0]


def test_a_group_gains_the_conditions_of_a_second_run(make_run: Any) -> None:
    attack = "a/pgd:eps=0.1"
    facts = {f"m{seed}": trained(seed) for seed in (0, 1)}
    same = {name: {**each, "identity": {"weights": name}} for name, each in facts.items()}
    runs = [
        make_run({name: {condition: [1, 0]} for name in facts}, facts=same, name=condition[:1])
        for condition in ("clean", attack)
    ]
    comparison = compare(*runs)
    assert teams(comparison) == {"net": ("m0", "m1")}
    assert comparison.of(comparison.subjects[0], attack).value == 0.5


@pytest.mark.parametrize("identity", [{"precision": "float16"}, {"view": {"resize": 32}}])
def test_the_same_weights_run_otherwise_are_another_model(make_run: Any, identity: dict[str, Any]) -> None:
    same = {"net": {"identity": {"weights": "same"}}}
    paths = [
        make_run({"net": {"clean": [1, 0]}}, name=name, facts=same, identity={"samples": "all", **more})
        for name, more in (("first", {}), ("second", identity))
    ]
    assert [subject.name for subject in compare(*paths).subjects] == ["net (first)", "net (second)"]


def test_metrics_of_a_merged_model_are_described_by_the_run_that_they_are_from(make_run: Any) -> None:
    cell = {"model": "net", "dataset": "toy", "condition": CLEAN, "seed": 0, "n": 2, "ci_low": 0.1, "ci_high": 0.3}
    plain, *_ = twins(make_run, {"clean": [1, 0]}, {"clean": [1, 0]}, facts={})
    metrics = {"metrics/nll": {"interval": "student-t", "bounds": [0.0, None]}}
    row = {**cell, "metric": "metrics/nll", "value": 0.2}
    _, richer = twins(make_run, {"clean": [1, 0]}, {"clean": [1, 0]}, facts={}, rows=[row], metrics=metrics)
    comparison = compare(plain, richer)
    assert comparison.metric(comparison.subjects[0], CLEAN, "metrics/nll").method == "student-t"
