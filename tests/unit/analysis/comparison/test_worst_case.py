"""The per-sample worst case over attacks, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robustkit.analysis.comparison.conditions import describe_conditions
from robustkit.analysis.comparison.worst_case import AttackedCell, attacked_cell, worst_cases

ATTACKS = {
    "a/pgd:eps=0.1,norm=linf,step-size=0.02": ("linf", 0.1),
    "a/pgd:eps=0.2,norm=linf,step-size=0.04": ("linf", 0.2),
    "a/square:eps=0.1,norm=linf": ("linf", 0.1),
    "a/pgd:eps=0.1,norm=l2,step-size=0.02": ("l2", 0.1),
}
CONDITIONS = describe_conditions(
    {
        text: {"kind": "attack", "component": text.partition(":")[0], "threat_model": {"norm": norm, "eps": eps}}
        for text, (norm, eps) in ATTACKS.items()
    }
)
SMALL, LARGE, SQUARE, OTHER = CONDITIONS.values()


def cell(condition: Any, broken_by: list[str], seed: int = 0) -> AttackedCell:
    said = np.array(broken_by, dtype=object)
    prediction = np.array([0 if each == "" else -1 if each == "invalid" else 1 for each in broken_by])
    found = attacked_cell({"broken_by": said, "prediction": prediction, "label": np.zeros(len(said))}, condition, seed)
    assert found is not None
    return found


def test_a_sample_is_robust_if_no_attack_breaks_it() -> None:
    pgd = cell(SMALL, ["clean", "a/pgd", "a/pgd", "", "", "invalid"])
    square = cell(SQUARE, ["clean", "", "a/square", "a/square", "", ""])
    (found,) = worst_cases([pgd, square])
    assert found.condition.text == "worst-case:eps=0.1,norm=linf"
    assert found.held.tolist() == [False, False, False, False, True, False]
    assert found.right == 5
    # Two each, of which one is broken by both.
    assert list(found.attacks.values()) == [(2, 1), (2, 1)]
    assert found.over == (SMALL.text, SQUARE.text)


def test_what_breaks_within_a_smaller_eps_counts_within_a_larger_one() -> None:
    small, large = cell(SMALL, ["a/pgd", "", ""]), cell(LARGE, ["", "a/pgd", ""])
    square = cell(SQUARE, ["", "", ""])
    at_small, at_large = worst_cases([large, small, square])
    assert (at_small.condition.strength, at_small.held.tolist()) == (0.1, [False, True, True])
    assert (at_large.condition.strength, at_large.held.tolist()) == (0.2, [False, False, True])
    # Both eps of an attack are one attack.
    assert at_large.attacks[small.condition.family_name] == (2, 2)


def test_norms_are_apart() -> None:
    cells = [cell(SMALL, ["a/pgd", ""]), cell(SQUARE, ["", ""]), cell(OTHER, ["", "a/pgd"])]
    (found,) = worst_cases(cells)
    assert found.condition.norm == "linf"
    assert found.held.tolist() == [False, True]


def test_one_attack_at_several_eps_has_no_worst_case_but_several_seeds_have() -> None:
    assert worst_cases([cell(SMALL, ["", ""]), cell(LARGE, ["a/pgd", ""])]) == []
    (found,) = worst_cases([cell(SMALL, ["a/pgd", "", ""]), cell(SMALL, ["", "a/pgd", ""], seed=1)])
    assert found.held.tolist() == [False, False, True]
    assert list(found.attacks.values()) == [(2, 2)]


def test_an_eps_in_grey_levels_is_written_as_papers_do() -> None:
    found = describe_conditions(
        {
            f"a/{name}:eps=8/255,norm=linf": {
                "kind": "attack",
                "component": f"a/{name}",
                "threat_model": {"norm": "linf", "eps": 8 / 255},
            }
            for name in ("pgd", "fab")
        }
    )
    (worst,) = worst_cases([cell(each, ["", ""]) for each in found.values()])
    assert worst.condition.text == "worst-case:eps=8/255,norm=linf"


def test_records_that_do_not_say_what_broke_a_sample_have_none() -> None:
    records: dict[str, Any] = {"prediction": np.zeros(2), "label": np.zeros(2)}
    assert attacked_cell(records, SMALL, 0) is None


@pytest.mark.parametrize("cells", [[], [cell(SMALL, ["", "a/pgd"])]])
def test_without_two_attempts_there_is_none(cells: list[AttackedCell]) -> None:
    assert worst_cases(cells) == []
