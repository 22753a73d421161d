"""Checks that follow from records alone, and the rule that weighs signs of masking together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from robustkit.analysis.trust.attacked import attack_checks, strength
from robustkit.analysis.trust.clean import clean_checks
from robustkit.analysis.trust.confirm import SIGNS, confirm
from robustkit.analysis.trust.sealed import Cell
from robustkit.analysis.trust.trends import trend_checks
from robustkit.store.checks import CHECKS, Check, Probed, checks_to_plain, describe, strict_failures, tally


def cell(right: Sequence[int], eps: float | None = None, *, seed: int = 0, ball: str = "linf", **records: Any) -> Cell:
    """Return a cell: of each sample 1 for right, 0 for wrong, 2 for wrong before the attack."""
    values = np.asarray(right)
    condition = "clean" if eps is None else f"a/pgd:eps={eps:g},norm={ball},step-size={eps / 4:g}"
    found = {
        "id": np.arange(len(values)) * 10,
        "label": np.arange(len(values)) % 4,
        "prediction": np.where(values == 1, np.arange(len(values)) % 4, 9),
    }
    if eps is not None:
        broken_by = np.array(["a/pgd", "", "clean"], dtype=object)[values]
        found |= {"broken_by": broken_by, "norm": np.where(values == 2, 0, eps).astype(np.float32)}
    facts = {
        "kind": "clean" if eps is None else "attack",
        "component": "a/pgd",
        "severity": None,
        "threat_model": {"norm": ball, "eps": eps},
    }
    return Cell(model="m", condition=condition, seed=seed, facts=facts, records={**found, **records})


def lost(like: Cell) -> Cell:
    return Cell(model="m", condition=like.condition, seed=like.seed, facts=like.facts, records=None)


def one(checks: Any, name: str) -> Check:
    (found,) = [check for check in checks if check.id == name]
    return found


@pytest.mark.parametrize(("right", "status"), [(36, "fail"), (10, "fail"), (60, "pass")])
def test_chance_is_one_over_the_classes_and_its_interval_counts(right: int, status: str) -> None:
    check = one(clean_checks(cell([1] * right + [0] * (120 - right)), None), "chance")
    low = binomtest(right, 120).proportion_ci(method="wilson").low
    assert (check.status, check.numbers["chance"]) == (status, 0.25)
    assert check.numbers["ci_low"] == pytest.approx(low)
    assert (low > 0.25) == (status == "pass")


def test_one_class_has_no_chance_and_no_cell_no_accuracy() -> None:
    assert clean_checks(cell([1] * 9, label=np.zeros(9)), None)[0].status == "not run"
    for missing in (None, lost(cell([1]))):
        assert [(check.id, check.status) for check in clean_checks(missing, 0.9)] == [
            ("chance", "not run"),
            ("expected-clean", "not run"),
        ]


@pytest.mark.parametrize(("expected", "status"), [(0.95, "fail"), (0.93, "pass"), (0.5, "pass")])
def test_an_accuracy_below_the_expected_one_fails_beyond_its_interval(expected: float, status: str) -> None:
    high = binomtest(90, 100).proportion_ci(method="wilson").high
    assert 0.93 < high < 0.95
    assert one(clean_checks(cell([1] * 90 + [0] * 10), expected), "expected-clean").status == status


def test_shares_say_what_they_rest_on() -> None:
    check = one(attack_checks(cell([1] * 50 + [0] * 30 + [2] * 20, 0.1)), "denominators")
    numbers = check.numbers
    assert (numbers["n"], numbers["right_before"], numbers["robust"]) == (100, 80, 50)
    assert (numbers["robust_accuracy"], numbers["success_rate"]) == (0.5, 0.375)
    interval = binomtest(30, 80).proportion_ci(method="wilson")
    assert (numbers["success_low"], numbers["success_high"]) == pytest.approx((interval.low, interval.high))
    assert one(attack_checks(cell([2] * 9, 0.1)), "denominators").status == "fail"


def test_a_cell_without_a_result_was_not_checked() -> None:
    assert {check.status for check in attack_checks(lost(cell([1], 0.1)))} == {"not run"}


@pytest.mark.parametrize(
    ("change", "status", "key"),
    [
        ({}, "pass", "contradicting"),
        ({"norm": np.full(3, 0.1 * (1 + 5e-8))}, "pass", "outside_eps"),
        ({"norm": np.array([0.1, 0.11, 0.0])}, "fail", "outside_eps"),
        ({"norm": np.array([0.1, np.nan, 0.0])}, "fail", "outside_eps"),
        ({"broken_by": np.array(["a/pgd", "", "clean"])}, "fail", "contradicting"),  # broken, and yet right
        ({"broken_by": np.array(["", "", "clean"])}, "fail", "contradicting"),  # not broken, and yet wrong
        ({"broken_by": np.array(["clean", "a/pgd", "clean"])}, "warn", "wrong_before_and_right_after"),
    ],
)
def test_records_that_contradict_one_another_fail(change: dict[str, Any], status: str, key: str) -> None:
    check = one(attack_checks(cell([1, 0, 2], 0.1, **change)), "verified")
    assert check.status == status
    assert (check.numbers[key] > 0) == (status != "pass")


def probed(*broken: int, n: int = 40, eps: float = 0.1, norm: str = "linf") -> Probed:
    return Probed(
        model="m",
        norm=norm,
        eps=eps,
        ids=tuple(range(0, 10 * n, 10)),
        broken=tuple(10 * each for each in broken),
    )


@pytest.mark.parametrize(("missed", "status"), [(0, "pass"), (1, "pass"), (2, "warn"), (4, "warn"), (5, "fail")])
def test_what_probes_break_and_the_run_does_not_counts(missed: int, status: str) -> None:
    standing = [0] * 10 + [1] * 90
    check = strength(probed(*range(10 + missed)), [cell(standing, 0.1)])
    assert (check.status, check.numbers["missed"]) == (status, missed)
    assert (check.numbers["robust_after_the_run"], check.numbers["robust_after_probes"]) == (30, 30 - missed)


def test_attacks_and_seeds_of_one_ball_count_together_and_others_do_not() -> None:
    first, second = cell([0, 0, 1, 1], 0.1), cell([1, 1, 0, 0], 0.1, seed=1)
    assert strength(probed(0, 1, 2, 3), [first, second]).numbers["missed"] == 0
    elsewhere = [cell([1, 1, 0, 0], 0.2), cell([1, 1, 0, 0], 0.1, ball="l2"), lost(second)]
    assert strength(probed(0, 1, 2, 3), [first, *elsewhere]).numbers["missed"] == 2
    assert strength(probed(0), elsewhere[:2]).status == "not run"


def trends(*cells: Cell) -> list[Check]:
    return list(trend_checks(cells, {each.condition: each.facts for each in cells}))


def test_one_sample_shows_no_trend() -> None:
    for one, other in ((cell([0], 0.1), cell([1], 0.2)), (cell([0], 0.1), cell([1], 0.1, seed=1))):
        (check,) = trends(one, other)
        assert (check.status, check.advice) == ("not run", "it takes 2 samples, here is one")


@pytest.mark.parametrize(
    ("standing", "status"),
    [((80, 50, 20), "pass"), ((80, 50, 51), "pass"), ((80, 50, 52), "warn"), ((80, 20, 26), "fail")],
)
def test_accuracy_must_not_rise_with_eps(standing: tuple[int, ...], status: str) -> None:
    cells = [cell([1] * n + [0] * (100 - n), eps) for n, eps in zip(standing, (0.05, 0.1, 0.2), strict=True)]
    (check,) = trends(*reversed(cells))
    assert (check.id, check.status) == ("eps-trend", status)
    if status != "pass":
        assert (check.numbers["from_eps"], check.numbers["to_eps"]) == (0.1, 0.2)


@pytest.mark.parametrize(("other", "status"), [(51, "pass"), (52, "warn"), (40, "warn")])
def test_seeds_that_differ_by_more_than_a_point_warn(other: int, status: str) -> None:
    (check,) = trends(cell([1] * 50 + [0] * 50, 0.1), cell([1] * other + [0] * (100 - other), 0.1, seed=1))
    assert (check.id, check.status, check.seed) == ("seeds", status, None)


def test_one_eps_and_one_seed_show_no_trend() -> None:
    assert trends(cell([1, 0], 0.1)) == []
    assert trends(cell([1, 0], 0.1), lost(cell([1, 0], 0.2))) == []


def warned(*names: str) -> list[Check]:
    return [Check(id=name, status="warn", advice="mend it") for name in names]


def raised(*names: str) -> dict[str, str]:
    return {check.id: check.status for check in confirm(warned(*names))}


def test_one_sign_of_masking_warns_and_two_independent_ones_fail() -> None:
    assert raised("black-box") == {"black-box": "warn"}
    assert raised("black-box", "unbounded") == {"black-box": "fail", "unbounded": "fail"}
    assert "confirmed by unbounded" in confirm(warned("black-box", "unbounded"))[0].advice


def test_signs_that_rest_on_the_same_do_not_confirm_each_other() -> None:
    assert set(raised("black-box", "random-corners").values()) == {"warn"}
    # That the run's attack misses what a random search finds is the same finding again.
    assert set(raised("black-box", "strength").values()) == {"warn"}


def test_what_is_no_sign_of_masking_confirms_nothing() -> None:
    assert set(raised("converged", "seeds", "unbounded").values()) == {"warn"}
    assert set(SIGNS) <= set(CHECKS)


def test_a_blind_cross_entropy_fails_where_the_run_was_blind() -> None:
    assert raised("cross-entropy", "unbounded")["cross-entropy"] == "warn"
    assert raised("cross-entropy", "strength") == {"cross-entropy": "fail", "strength": "warn"}


def test_what_was_not_run_is_no_sign() -> None:
    skipped = [Check(id="unbounded", status="not run"), *warned("black-box")]
    assert [check.status for check in confirm(skipped)] == ["not run", "warn"]


def test_strict_fails_on_failures_and_on_masking_that_was_not_looked_for() -> None:
    checks = [
        Check(id="logits", status="fail"),
        Check(id="seeds", status="warn"),
        Check(id="unbounded", status="not run"),
        Check(id="batch-size", status="not run"),
        Check(id="threat-model", status="not run"),
    ]
    assert [check.id for check in strict_failures(checks, attacked=True)] == ["logits", "unbounded"]
    assert [check.id for check in strict_failures(checks, attacked=False)] == ["logits"]
    assert tally(checks) == "1 failed, 1 with a warning, 2 not run"


def test_numbers_that_json_does_not_know_become_words() -> None:
    check = Check(id="seeds", status="warn", numbers={"x": float("nan"), "y": 0.123456, "z": None})
    assert checks_to_plain([check])[0]["numbers"] == {"x": "nan", "y": 0.123456, "z": None}
    assert describe(check) == "seeds agree: x nan, y 0.1235, z "
