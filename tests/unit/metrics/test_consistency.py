"""Flips, churn and kappa, by hand and by what other software gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import robustkit
from robustkit_metrics.consistency.consistency import Consistency
from robustkit_metrics.consistency.kappa import cohen_kappa

consistency = Consistency(robustkit.NoParams())


def pairs(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return two raters' classes with this contingency table."""
    counts = np.array(table)
    rows, columns = np.indices(counts.shape)
    return np.repeat(rows.ravel(), counts.ravel()), np.repeat(columns.ravel(), counts.ravel())


def fleiss_error(table: list[list[int]]) -> float:
    """Return the standard error by the formula of Fleiss, Cohen and Everitt (1969), entry by entry of the table."""
    p = np.array(table) / np.sum(table)
    row, column = p.sum(1), p.sum(0)
    observed, expected = np.trace(p), row @ column
    first = sum(p[i, i] * ((1 - expected) - (column[i] + row[i]) * (1 - observed)) ** 2 for i in range(len(p)))
    second = sum(p[i, j] * (column[i] + row[j]) ** 2 for i in range(len(p)) for j in range(len(p)) if i != j)
    third = (observed * expected - 2 * expected + observed) ** 2
    return float(np.sqrt((first + (1 - observed) ** 2 * second - third) / np.sum(table)) / (1 - expected) ** 2)


@pytest.fixture
def records() -> dict[str, Any]:
    """Ten samples: 7 right when clean, of which 2 are lost; of 3 wrong ones, 1 is won and 1 is wrong otherwise."""
    return {
        "label": np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2]),
        "clean_prediction": np.array([0, 0, 0, 1, 1, 1, 2, 0, 0, 1]),
        "prediction": np.array([0, 0, 0, 1, 1, 2, 1, 2, 1, 1]),
    }


def test_flips_count_every_change_and_churn_only_what_was_right(records: dict[str, Any]) -> None:
    found = consistency(records)
    assert {name: (each.value, each.n) for name, each in found.items() if name != "kappa"} == {
        "agreement": (0.6, 10),
        "flip-rate": (0.4, 10),
        "churn-of-correct": (pytest.approx(2 / 7), 7),
    }
    assert (found["flip-rate"].ci_low, found["flip-rate"].ci_high) == robustkit.wilson_interval(4, 10)
    accuracy_lost = (records["clean_prediction"] == records["label"]).mean() - (
        records["prediction"] == records["label"]
    ).mean()
    assert found["flip-rate"].value != pytest.approx(accuracy_lost)


def test_kappa_takes_out_what_the_marginals_give(records: dict[str, Any]) -> None:
    # Shares before: .5 .4 .1, after: .3 .5 .2, so p_e = .15 + .2 + .02 = .37.
    found = consistency(records)["kappa"]
    assert found.value == pytest.approx((0.6 - 0.37) / (1 - 0.37))
    assert found.ci_low < found.value < found.ci_high <= 1
    assert found.chance == 0


@pytest.mark.parametrize(
    ("table", "kappa", "error"),
    [
        # SAS/STAT user's guide, PROC FREQ, two dermatologists: kappa 0.3449, interval 0.2030 to 0.4868.
        ([[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]], 0.3449, (0.4868 - 0.2030) / 2 / 1.96),
        ([[20, 5], [10, 15]], 0.4, None),
        ([[0, 10], [10, 0]], -1.0, None),
    ],
)
def test_kappa_and_its_error_are_those_of_the_literature(
    table: list[list[int]], kappa: float, error: float | None
) -> None:
    found, found_error = cohen_kappa(*pairs(table))
    assert found == pytest.approx(kappa, abs=5e-5)
    assert found_error == pytest.approx(fleiss_error(table), abs=1e-12)
    assert error is None or found_error == pytest.approx(error, abs=5e-5)


def test_a_model_that_always_says_the_same_has_no_kappa(records: dict[str, Any]) -> None:
    constant = {**records, "prediction": np.zeros(10, int), "clean_prediction": np.zeros(10, int)}
    found = consistency(constant)
    assert (found["agreement"].value, found["kappa"].value) == (1.0, None)
    assert "undefined: every sample has the same prediction" in found["kappa"].note


def test_full_agreement_claims_no_certainty(records: dict[str, Any]) -> None:
    same = consistency({**records, "prediction": records["clean_prediction"]})
    assert (same["kappa"].value, same["kappa"].ci_low) == (1.0, None)
    assert same["agreement"].ci_low < 1


def test_without_a_right_sample_there_is_no_churn_of_them(records: dict[str, Any]) -> None:
    wrong = {**records, "clean_prediction": (records["label"] + 1) % 3}
    found = consistency(wrong)["churn-of-correct"]
    assert (found.value, found.n, found.note) == (None, 0, "undefined: no sample was right before")


def test_a_sample_without_a_prediction_has_another(records: dict[str, Any]) -> None:
    records["prediction"][0] = -1
    found = consistency(records)
    assert found["flip-rate"].value == 0.5
    assert "1 of 10 samples are not finite" in found["flip-rate"].note


def test_without_clean_records_it_names_the_column(records: dict[str, Any]) -> None:
    del records["clean_prediction"]
    with pytest.raises(robustkit.DataError, match="expected a record column 'clean_prediction'"):
        consistency(records)
