"""Worst group, worst class and tail recall, by hand; files that are not as they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import robustkit
from robustkit_metrics.groups.accuracies import GroupCounts, chance_worst, mean_interval_of, worst_interval
from robustkit_metrics.groups.params import TailRecallParams, WorstGroupParams
from robustkit_metrics.groups.tail_recall import TailRecall
from robustkit_metrics.groups.worst_class import WorstClass
from robustkit_metrics.groups.worst_group import WorstGroup

WATER, LAND = "water", "land"


def write(path: Path, ids: Any, values: Any, column: str = "background") -> Path:
    path.write_text("\n".join([f"id,{column}", *(f"{a},{b}" for a, b in zip(ids, values, strict=True))]) + "\n")
    return path


@pytest.fixture
def birds() -> dict[str, Any]:
    """40 samples: 30 on land of which 27 are right, 10 on water of which 4 are; labels 0 and 1 in turn."""
    right = np.array([1] * 27 + [0] * 3 + [1] * 4 + [0] * 6)
    label = np.arange(40) % 2
    return {"id": np.arange(100, 140), "label": label, "prediction": np.where(right, label, 1 - label)}


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    return write(tmp_path / "meta.csv", range(100, 140), [LAND] * 30 + [WATER] * 10)


def worst_group(path: Path, records: dict[str, Any], **more: Any) -> dict[str, robustkit.Estimate]:
    return WorstGroup(WorstGroupParams(groups=str(path), **{"column": "background", **more}))(records)


def test_worst_gap_and_average_are_over_groups(birds: dict[str, Any], groups: Path) -> None:
    found = worst_group(groups, birds)
    values = {name: (each.value, each.n) for name, each in found.items()}
    assert values == {
        "worst": (0.4, 10),
        "gap": (pytest.approx(0.25), 40),
        "average-of-groups": (pytest.approx(0.65), 40),
        "background=land": (0.9, 30),
        "background=water": (0.4, 10),
    }
    assert values["average-of-groups"][0] != pytest.approx(31 / 40)  # over samples
    assert (found["background=water"].ci_low, found["background=water"].ci_high) == robustkit.wilson_interval(4, 10)
    assert (found["worst"].status, found["worst"].note) == ("ok", "")
    assert found["worst"].ci_low < 0.4 < found["worst"].ci_high
    assert "sha256=" in found["worst"].spec


def test_groups_may_be_divided_by_the_label(birds: dict[str, Any], groups: Path) -> None:
    found = worst_group(groups, birds, cross="label")
    # Of the ten on water, four are right: two of each label.
    assert {name: each.n for name, each in found.items() if "=" in name} == {
        "background=land,label=0": 15,
        "background=land,label=1": 15,
        "background=water,label=0": 5,
        "background=water,label=1": 5,
    }
    assert found["worst"].value == 0.4
    assert found["worst"].status == "unreliable"
    assert found["worst"].note == "the worst of 4 is background=water,label=0 with n = 5, little to go by"


def test_the_order_of_the_rows_and_of_the_file_does_not_matter(
    birds: dict[str, Any], groups: Path, tmp_path: Path
) -> None:
    order = np.random.default_rng(0).permutation(40)
    turned = write(tmp_path / "turned.csv", (order + 100).tolist(), [LAND if each < 30 else WATER for each in order])
    shuffled = {name: column[order] for name, column in birds.items()}
    expected = {name: each.value for name, each in worst_group(groups, birds).items()}
    assert {name: each.value for name, each in worst_group(turned, shuffled).items()} == expected


def test_samples_without_a_group_are_counted_and_groups_without_samples_listed(
    birds: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path / "meta.csv", [*range(100, 137), 137, 7], [LAND] * 30 + [WATER] * 7 + ["", "sky"])
    found = worst_group(path, birds)
    assert "3 of 40 samples have no group and are left out" in found["worst"].note
    assert (found["background=sky"].value, found["background=sky"].n) == (None, 0)
    assert "no evaluated sample is of this group" in found["background=sky"].note
    assert found["gap"].n == 37


def test_parquet_says_the_same_as_csv(birds: dict[str, Any], groups: Path, tmp_path: Path) -> None:
    path = tmp_path / "meta.parquet"
    values = [LAND] * 30 + [WATER] * 9 + [None]
    pq.write_table(pa.table({"id": list(range(100, 140)), "background": values}), path)
    found = worst_group(path, birds)
    assert found["background=land"].value == worst_group(groups, birds)["background=land"].value
    assert found["background=water"].n == 9


def test_equal_groups_have_a_worst_one_too_and_chance_says_how_bad(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    label = np.zeros(1000, dtype=int)
    records = {"id": np.arange(1000), "label": label, "prediction": (rng.random(1000) > 0.8).astype(int)}
    path = write(tmp_path / "meta.csv", range(1000), np.arange(1000) % 25)
    found = worst_group(path, records)
    assert found["worst"].value < 0.72
    assert found["worst"].chance == pytest.approx(found["worst"].value, abs=0.08)
    assert found["gap"].chance == pytest.approx(found["gap"].value, abs=0.08)


def test_the_worst_by_chance_is_the_mean_minimum_of_binomials() -> None:
    # Two groups of one sample: both right with probability 1/4, so the mean of the smaller is 1/4.
    assert chance_worst(np.array([1, 1]), 0.5) == pytest.approx(0.25, abs=0.04)
    assert chance_worst(np.array([5]), 1.0) == 1.0


def counts(sizes: Any, rights: Any) -> GroupCounts:
    return GroupCounts(np.arange(len(sizes)), np.array(sizes), np.array(rights))


def test_the_interval_of_the_worst_allows_for_its_selection() -> None:
    rng = np.random.default_rng(2)
    sizes, held, alone = np.full(12, 40), 0, 0
    for _ in range(300):
        found = counts(sizes, rng.binomial(sizes, 0.7))
        low, high = worst_interval(found)
        held += low <= 0.7 <= high
        low, high = robustkit.wilson_interval(int(found.rights.min()), 40)
        alone += low <= 0.7 <= high
    assert held >= 285
    assert alone < 240  # Wilson's of whichever group came out worst


def test_the_interval_of_a_mean_over_groups_covers_it() -> None:
    rng = np.random.default_rng(3)
    shares, sizes = np.array([0.02, 0.5, 0.9, 1.0]), np.array([30, 20, 60, 25])
    held = 0
    for _ in range(400):
        low, high = mean_interval_of(counts(sizes, rng.binomial(sizes, shares)))
        held += low <= shares.mean() <= high
    assert held >= 370


def test_groups_at_the_ends_of_the_scale_leave_no_certainty() -> None:
    # 0 of 20 and 20 of 20: a bootstrap would say [.5, .5]. Wilson's half widths are .161 on either side.
    low, high = mean_interval_of(counts([20, 20], [0, 20]))
    assert (low, high) == pytest.approx((0.5 - 0.161 / 2, 0.5 + 0.161 / 2), abs=1e-3)
    assert worst_interval(counts([20, 20], [0, 20]))[1] > 0.15


def test_wilsons_intervals_are_those_of_the_host() -> None:
    low, high = counts([50, 7, 1], [0, 5, 1]).intervals()
    expected = [robustkit.wilson_interval(*each) for each in ((0, 50), (5, 7), (1, 1))]
    assert list(zip(low, high, strict=True)) == [pytest.approx(each) for each in expected]


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        (
            "id,background\n100,land\n",
            "backgroud",
            "expected a column 'backgroud', got 'id', 'background'",
            "did you mean",
        ),
        ("name,background\n100,land\n", "background", "expected a column 'id'", ""),
        ("id,background\n100,land\n100,water\n", "background", "row 2: the id 100 is there twice", "one row a sample"),
        ("id,background\na.png,land\n", "background", "expected a whole number from 0 as 'id', got 'a.png'", "places"),
        ("id,background\n-1,land\n", "background", "got '-1'", ""),
        ("id,background\n1,land,2\n", "background", "line 2: expected 2 fields, got 3", "quote"),
        ("id,background\n1,\n2,\n", "background", "got 2 rows without", "another column"),
        ("", "background", "got none", ""),
        ("id,id\n1,2\n", "background", "two columns have one name", ""),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, column: str, message: str, hint: str) -> None:
    path = tmp_path / "meta.csv"
    path.write_text(text)
    with pytest.raises(robustkit.DataError) as raised:
        WorstGroup(WorstGroupParams(groups=str(path), column=column))
    assert message in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "broken.parquet", "latin.csv", "."])
def test_what_cannot_be_read_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "latin.csv").write_bytes(b"id,group\n1,caf\xe9\n")
    with pytest.raises(robustkit.DataError, match="cannot be read"):
        WorstGroup(WorstGroupParams(groups=str(tmp_path / name)))


def test_a_file_for_other_samples_says_so(birds: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(robustkit.DataError, match="none of 40 evaluated samples has a group there, such as id 100"):
        worst_group(write(tmp_path / "meta.csv", range(5), "aabbc"), birds)


def test_worst_class_has_the_recall_of_each(birds: dict[str, Any]) -> None:
    records = {
        "label": np.array([0] * 20 + [2] * 20),
        "prediction": np.array([0] * 15 + [2] * 5 + [2] * 19 + [0]),
    }
    found = WorstClass(robustkit.NoParams())(records)
    assert {name: each.value for name, each in found.items()} == {
        "worst": 0.75,
        "gap": pytest.approx(0.1),
        "average-of-classes": pytest.approx(0.85),
        "class=0": 0.75,
        "class=2": 0.95,
    }
    assert found["worst"].note == "no sample is of the classes 1"


def test_one_class_alone_has_no_gap() -> None:
    records = {"label": np.zeros(20, int), "prediction": np.array([0] * 15 + [3] * 5)}
    found = WorstClass(robustkit.NoParams())(records)
    assert (found["gap"].value, found["gap"].note[:21]) == (None, "undefined: one class ")
    assert found["worst"].note == "no sample is of the classes 1, 2, 3"
    assert found["worst"].value == 0.75


def test_gap_and_average_are_no_more_reliable_than_the_worst(birds: dict[str, Any], tmp_path: Path) -> None:
    found = worst_group(write(tmp_path / "meta.csv", [100, 101, 130, 131], [LAND] * 2 + [WATER] * 2), birds)
    assert {found[part].status for part in ("worst", "gap", "average-of-groups")} == {"unreliable"}
    assert "with n = 2, little to go by" in found["gap"].note


@pytest.fixture
def tailed() -> dict[str, Any]:
    """Five classes with 10 samples each, of which 10, 9, 6, 4 and 1 are right."""
    label = np.repeat(np.arange(5), 10)
    right = np.concatenate([np.arange(10) < count for count in (10, 9, 6, 4, 1)])
    return {"label": label, "prediction": np.where(right, label, (label + 1) % 5)}


def tail_recall(path: Path, records: dict[str, Any], **more: Any) -> dict[str, robustkit.Estimate]:
    return TailRecall(TailRecallParams(counts=str(path), **more))(records)


def test_recall_is_averaged_over_frequent_and_over_rare_classes(tailed: dict[str, Any], tmp_path: Path) -> None:
    # Exactly 100 is not many, and exactly 20 not few.
    (tmp_path / "counts.json").write_text(json.dumps([500, 101, 100, 20, 19]))
    found = tail_recall(tmp_path / "counts.json", tailed)
    assert {name: (each.value, each.n) for name, each in found.items()} == {
        "head": (pytest.approx(0.95), 20),
        "medium": (pytest.approx(0.5), 20),
        "tail": (pytest.approx(0.1), 10),
        "macro": (pytest.approx(0.6), 50),
    }
    assert found["tail"].ci_low < 0.1 < found["tail"].ci_high
    assert found["head"].spec == "tail-recall/head/many>100/few<20"


def test_thresholds_are_parameters_and_an_empty_part_is_undefined(tailed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("class,count\n4,19\n0,500\n1,101\n2,100\n3,20\n")
    found = tail_recall(tmp_path / "counts.csv", tailed, many=99, few=5)
    assert found["head"].value == pytest.approx(25 / 30)
    assert (found["tail"].value, found["tail"].n) == (None, 0)
    assert found["tail"].note == "undefined: no evaluated sample is of such a class"


def test_classes_weigh_the_same_however_many_samples_they_have(tailed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "counts.json").write_text(json.dumps({str(each): 500 for each in range(5)}))
    fewer = {name: column[:42] for name, column in tailed.items()}
    found = tail_recall(tmp_path / "counts.json", fewer)["head"].value
    assert found == pytest.approx((1 + 0.9 + 0.6 + 0.4 + 0.5) / 5)
    assert found != pytest.approx(30 / 42, abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[5, 5]", "expected a count for every class that is evaluated, got none for 2"),
        ("[]", "expected a count for each class, got none"),
        ("[1, 2.5]", "expected a whole number from 0 as 'count', got 2.5"),
        ('{"cat": 3}', "expected a whole number from 0 as 'class', got 'cat'"),
        ('{"0": true}', "as 'count', got True"),
        ('{"0": 500, "1": 3, "0": 5}', "the class 0 is there twice"),
        ("7", "expected a list or an object, got int"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_counts_that_are_wrong_say_where(tailed: dict[str, Any], tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "counts.json").write_text(text)
    with pytest.raises(robustkit.DataError) as raised:
        tail_recall(tmp_path / "counts.json", tailed)
    assert message in raised.value.message


def test_thresholds_must_not_overlap(tmp_path: Path) -> None:
    with pytest.raises(robustkit.ConfigError, match="few=50 and many=10 overlap"):
        TailRecall(TailRecallParams(counts=str(tmp_path / "counts.json"), many=10, few=50))


def test_classes_may_be_as_frequent_as_they_are_evaluated(tailed: dict[str, Any]) -> None:
    some = {name: column[:42] for name, column in tailed.items()}
    found = TailRecall(TailRecallParams(counts="evaluated", many=9, few=5))(some)
    assert (found["head"].n, found["tail"].n, found["medium"].n) == (40, 2, 0)


def test_a_split_by_nothing_is_refused() -> None:
    with pytest.raises(robustkit.ConfigError, match="tail-recall: expected a file"):
        TailRecall(TailRecallParams(counts=""))


def test_many_classes_take_well_under_a_few_seconds(tmp_path: Path) -> None:
    import time

    rng = np.random.default_rng(0)
    label = np.arange(10_000) % 1000
    records = {"label": label, "prediction": np.where(rng.random(10_000) < 0.7, label, 0)}
    start = time.process_time()
    WorstClass(robustkit.NoParams())(records)
    assert time.process_time() - start < 6
