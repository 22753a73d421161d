"""Every first-party metric keeps the contract, and the kit notices every way to break it."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from robustkit import DataError, Estimate, Metric
from robustkit.host import load_host
from robustkit.store.records import ATTACK_COLUMNS, RECORD_COLUMNS, encode_chunk
from robustkit.testing import METRIC_CHECKS, check_metric
from robustkit.testing import metric as kit
from robustkit.testing.records import make_attacked_records, make_clean_columns, make_records

HOST = load_host(strict=True)
ENTRIES = [
    entry
    for entry in HOST.catalog.all("metric")
    if entry.first_party and entry.component.reads_records  # the others: test_model_metrics.py
]


WITH_PARTS = (
    "metrics/robust-accuracy-curve",
    "metrics/worst-group",
    "metrics/worst-class",
    "metrics/tail-recall",
    "metrics/consistency",
)
FILES = {"metrics/worst-group": "groups", "metrics/tail-recall": "counts"}
"""The parameter that names a file."""


@pytest.fixture
def files(tmp_path):
    groups, counts = tmp_path / "groups.csv", tmp_path / "counts.json"
    groups.write_text("id,group\n" + "".join(f"{each},{'ab'[each % 7 > 3]}\n" for each in range(60)))
    counts.write_text("[500, 50, 5, 5]")
    return {"groups": str(groups), "counts": str(counts)}


@pytest.mark.parametrize("name", WITH_PARTS)
def test_first_party_metrics_with_parts_keep_the_contract(name, files):
    entry = HOST.catalog.find("metric", name)
    params = {FILES[name]: files[FILES[name]]} if name in FILES else {}
    check_metric(lambda: HOST.build(entry, params), entry.component)


def test_records_under_attack_are_those_that_the_store_writes_and_eps():
    records = make_attacked_records(30)
    assert set(records) == {*RECORD_COLUMNS, *ATTACK_COLUMNS, "eps", "minimises_norm"}
    assert encode_chunk(records, cell="toy", chunk=0)
    assert set(records["broken_by"]) == {"", "clean", "kit/attack"}
    wrong = records["prediction"] != records["label"]
    assert (wrong == (records["broken_by"] != "")).all()


@pytest.mark.parametrize("check", METRIC_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.qualified not in WITH_PARTS], ids=lambda entry: entry.qualified
)
def test_first_party_metrics_keep_the_contract(entry, check):
    check(lambda: HOST.build(entry, {}), entry.component)


OTHER = [
    *(("ece", {"bins": bins}) for bins in (1, 2, 100)),
    ("ece", {"binning": "equal-mass", "bins": 7}),
    ("ece", {"norm": "l2", "edge": "left"}),
    ("ece", {"norm": "max", "binning": "equal-mass", "edge": "left"}),
    ("ece", {"norm": "l2", "debiased": True, "bins": 2}),
]


@pytest.mark.parametrize(("name", "params"), OTHER, ids=str)
def test_first_party_metrics_keep_the_contract_with_other_parameters(name, params):
    entry = HOST.catalog.find("metric", f"metrics/{name}")
    check_metric(lambda: HOST.build(entry, params), entry.component)


def test_the_first_party_metrics_are_found():
    assert {"metrics/accuracy", "metrics/ece"} <= {entry.qualified for entry in ENTRIES}


def test_records_are_those_that_the_store_writes():
    records = make_records(5)
    assert list(records) == list(RECORD_COLUMNS)
    assert encode_chunk(records, cell="toy", chunk=0)
    assert not records.keys() & ATTACK_COLUMNS.keys()


@pytest.mark.parametrize(("sure_of", "accuracy"), [(0, 1.0), (1, 0.0)])
def test_perfect_and_hopeless_records_are_what_they_say(sure_of, accuracy):
    records = make_records(sure_of=sure_of)
    assert (records["prediction"] == records["label"]).mean() == accuracy
    assert (records["confidence"] == 1).all()


def test_ordinary_records_are_neither_perfect_nor_hopeless():
    records = make_records()
    assert 0.3 < (records["prediction"] == records["label"]).mean() < 0.9
    assert len(np.unique(records["confidence"])) > 50


@pytest.mark.parametrize("sure_of", [None, 0, 1])
def test_what_an_attack_found_wrong_before_was_wrong_when_it_was_clean(sure_of):
    attacked, clean = make_attacked_records(sure_of=sure_of), make_clean_columns(sure_of=sure_of)
    before = attacked["broken_by"] == "clean"
    assert set(clean) == {f"clean_{name}" for name in RECORD_COLUMNS if name not in ("id", "label")}
    assert ((clean["clean_prediction"] == attacked["label"]) == ~before).all()
    assert before.any() == (sure_of is None)


def declare(**changes):
    return Metric(**{"name": "toy", "summary": "a toy", "target": Good, "bounds": (0, 2), **SMALLER, **changes})


SMALLER = {"higher_is_better": False}


class Good:
    """Mean Brier score with a bootstrap interval that keeps every clause; the broken ones below change one thing."""

    def __call__(self, records):
        values = self.values(records)
        if not len(values):
            raise DataError("toy: expected a sample, got none", "give one")
        low, high = self.interval(values)
        return Estimate(value=self.value(values), n=self.n(values), ci_low=low, ci_high=high, interval="bootstrap")

    def values(self, records):
        return records["brier"].astype(np.float64)

    def value(self, values):
        return float(values.mean())

    def n(self, values):
        return len(values)

    def interval(self, values):
        if len(values) == 1:
            return None, None
        rows = np.random.default_rng(0).integers(len(values), size=(1000, len(values)))
        low, high = np.quantile(values[rows].mean(axis=1), [0.025, 0.975])
        return float(low), float(high)


class JustANumber(Good):
    def __call__(self, records):
        return super().__call__(records).value


class OutOfBounds(Good):
    def value(self, values):
        return super().value(values) - 1


class NotANumber(Good):
    def value(self, values):
        return super().value(values) * float("nan")


class IntervalOutOfBounds(Good):
    def interval(self, values):
        return -0.1, 0.9


class OneEnd(Good):
    def interval(self, values):
        return 0.1, None


class EndsSwapped(Good):
    def interval(self, values):
        return super().interval(values)[::-1]


class UnnamedInterval(Good):
    def __call__(self, records):
        return replace(super().__call__(records), interval="")


class WidensWithN(Good):
    def interval(self, values):
        return 0.0, 1 - 1 / len(values)


class CountsOnlyItself(Good):
    def n(self, values):
        return 1


class CountsTooMany(Good):
    def n(self, values):
        return len(values) + 1


class CountsOneFewer(Good):
    def n(self, values):
        return max(1, len(values) - 1)


class CountsTwoAtLeast(Good):
    def n(self, values):
        return max(2, len(values))


class CountsInFloats(Good):
    def n(self, values):
        return float(len(values))


class SortsItsRecords(Good):
    def values(self, records):
        records["brier"].sort()
        return super().values(records)


class AddsAColumn(Good):
    def values(self, records):
        records["mine"] = super().values(records)
        return records["mine"]


class Remembers(Good):
    last = 0.0

    def value(self, values):
        self.last, last = super().value(values), self.last
        return (self.last + last) / 2


class CountsObjects(Good):
    made = 0

    def __init__(self):
        CountsObjects.made += 1
        self.number = CountsObjects.made

    def value(self, values):
        return super().value(values) + 0.01 * (self.number % 7)


class AddsUpInFloat32(Good):
    def values(self, records):
        return records["brier"] ** 2 / 2

    def value(self, values):
        return float(np.float32(np.cumsum(values)[-1] / np.float32(len(values))))


class WeighsTheFirstRows(Good):
    def value(self, values):
        return float(np.average(values, weights=1 / np.arange(1, len(values) + 1)))


class IntervalOfTheFirstRows(Good):
    def interval(self, values):
        return super().interval(values[: max(2, len(values) // 2)]) if len(values) > 1 else (None, None)


class NeedsTwo(Good):
    def interval(self, values):
        half = float(values.std()) / (len(values) - 1)
        return max(0.0, float(values.mean()) - half), float(values.mean()) + half


class IgnoresTheLabel(Good):
    def values(self, records):
        return records["confidence"].astype(np.float64)


class NoneAtAll(Good):
    def __call__(self, records):
        return super().__call__(records) if len(records["id"]) else Estimate(value=0.0, n=0)


class FailsOnNone(Good):
    def __call__(self, records):
        return super().__call__(records) if records["id"].max() >= 0 else None


class ReadsQueries(Good):
    def values(self, records):
        return super().values(records) * (records["queries"] >= 0)


class ReadsEverything(Good):
    def values(self, records):
        assert all(np.isfinite(column).all() for column in records.values())
        return super().values(records)


class DrawsFromNumpy(Good):
    def value(self, values):
        return super().value(values) + 1e-3 * np.random.rand()


class DrawsFromTorch(Good):
    def value(self, values):
        return super().value(values) + 1e-3 * float(torch.rand(1))


class DrawsFromRandom(Good):
    def value(self, values):
        return super().value(values) + 1e-3 * random.random()


class ReadsTheGlobalSeed(Good):
    def value(self, values):
        return super().value(values) + 1e-3 * (torch.initial_seed() == 20_011)


BROKEN = [
    (ReadsQueries, kit.check_columns, "columns that its records have .* raises KeyError: 'queries'"),
    (ReadsEverything, kit.check_columns, "columns that an attack adds .* raises TypeError"),
    (JustANumber, kit.check_estimate, "expected a robustkit.Estimate, got float"),
    (OutOfBounds, kit.check_estimate, "lies outside the declared bounds"),
    (NotANumber, kit.check_estimate, "value to be a finite number, got nan"),
    (IntervalOutOfBounds, kit.check_interval, r"ci_low -0\.1 lies outside"),
    (OneEnd, kit.check_interval, "both ends of the interval or none"),
    (EndsSwapped, kit.check_interval, "not in order"),
    (UnnamedInterval, kit.check_interval, "how the interval was made"),
    (WidensWithN, kit.check_interval, "16 times the samples widen the interval"),
    (CountsOnlyItself, kit.check_n, "n is 1 for 60 samples, and 1 with"),
    (CountsTooMany, kit.check_n, r"expected an int n in 1\.\.60"),
    (CountsOneFewer, kit.check_n, "n is 59 for 60 samples, and 119 with"),
    (CountsInFloats, kit.check_n, "expected an int n"),
    (SortsItsRecords, kit.check_records_unchanged, "changes the records brier;"),
    (AddsAColumn, kit.check_records_unchanged, "changes the records"),
    (Remembers, kit.check_metric_repeatable, "the same records give"),
    (CountsObjects, kit.check_metric_repeatable, "the same records give"),
    (AddsUpInFloat32, kit.check_row_order, "with the rows in another order"),
    (WeighsTheFirstRows, kit.check_row_order, "with the rows in another order"),
    (IntervalOfTheFirstRows, kit.check_row_order, "with the rows reordered"),
    (CountsTwoAtLeast, kit.check_single_sample, "expected n = 1 for a single sample, got 2"),
    (NeedsTwo, kit.check_single_sample, "raises ZeroDivisionError"),
    (IgnoresTheLabel, kit.check_direction, "but is 1 for perfect and 1 for hopeless"),
    (NoneAtAll, kit.check_no_samples, "expected a RobustkitError, got Estimate"),
    (FailsOnNone, kit.check_no_samples, "expected a RobustkitError, but it raises ValueError"),
    (DrawsFromTorch, kit.check_metric_no_global_randomness, "global generator: torch;"),
    (DrawsFromNumpy, kit.check_metric_no_global_randomness, r"global generator: numpy\.random;"),
    (DrawsFromRandom, kit.check_metric_no_global_randomness, "global generator: random;"),
    (ReadsTheGlobalSeed, kit.check_metric_no_global_randomness, "depends on a global"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_metric_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare())


def test_the_wrong_direction_is_noticed():
    with pytest.raises(AssertionError, match="declared higher_is_better=True, but is 0 for perfect and 2 for hopeless"):
        kit.check_direction(Good, declare(higher_is_better=True))


def test_a_metric_without_a_direction_has_none_to_keep():
    kit.check_direction(IgnoresTheLabel, declare(higher_is_better=None))


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == set(METRIC_CHECKS)


@pytest.mark.parametrize("check", METRIC_CHECKS, ids=lambda check: check.__name__)
def test_a_good_metric_passes(check):
    check(Good, declare())


def test_a_metric_without_an_interval_passes():
    class NoInterval(Good):
        def interval(self, values):
            return None, None

    check_metric(NoInterval, declare(bounds=(None, None)))


def test_a_biased_bootstrap_interval_beside_the_value_passes():
    class Biased(Good):
        def interval(self, values):
            low, high = super().interval(values)
            return (low, high) if low is None else (low + 1.1 * (high - low), high + 1.1 * (high - low))

    check_metric(Biased, declare())


def test_checking_one_by_one_or_all_together_is_the_same():
    check_metric(Good, declare())
    with pytest.raises(AssertionError, match="not in order"):
        check_metric(EndsSwapped, declare())


class ReadsClean(Good):
    def values(self, records):
        return (records["prediction"] != records["clean_prediction"]).astype(np.float64)


def test_a_metric_may_declare_that_it_reads_the_clean_records():
    check_metric(ReadsClean, declare(needs=frozenset({"records", "clean"})))
    with pytest.raises(AssertionError, match="clean_prediction"):
        check_metric(ReadsClean, declare())


class UndefinedWhere(Good):
    def __init__(self, *shares):
        self.shares = shares

    def __call__(self, records):
        right = float((records["prediction"] == records["label"]).sum()) / max(1, len(records["id"]))
        undefined = len(records["id"]) and right in self.shares
        return Estimate(value=None, n=0, note="undefined: a toy") if undefined else super().__call__(records)


def test_only_extremes_may_be_undefined():
    check_metric(lambda: UndefinedWhere(0.0, 1.0), declare())
    ordinary = float((make_records()["prediction"] == make_records()["label"]).mean())
    with pytest.raises(AssertionError, match="expected value to be a finite number, got None"):
        check_metric(lambda: UndefinedWhere(ordinary), declare())


class Several(Good):
    """Two estimates by name."""

    def __call__(self, records):
        return {"mean": super().__call__(records), "again": super().__call__(records)}


class SometimesOne(Several):
    def __call__(self, records):
        found = super().__call__(records)
        return found if len(records["id"]) > 1 else {"mean": found["mean"]}


class OneByLabel(Several):
    def __call__(self, records):
        found = {"mean": super().__call__(records)["mean"]}
        return {**found, **{f"label={each}": found["mean"] for each in np.unique(records["label"])}}


class OneIsWrong(Several):
    def __call__(self, records):
        found = super().__call__(records)
        return {**found, "again": replace(found["again"], value=-1.0)}


def test_the_bounds_of_a_part_are_its_own():
    check_metric(OneIsWrong, declare(part_bounds={"again": (-1, 2)}, higher_is_better=None))


def test_several_estimates_by_name_are_checked_one_by_one():
    check_metric(Several, declare())
    with pytest.raises(AssertionError, match="lies outside the declared bounds"):
        check_metric(OneIsWrong, declare())
    with pytest.raises(AssertionError, match="the estimate 'again' is missing for other records"):
        check_metric(SometimesOne, declare())
    check_metric(OneByLabel, declare())
