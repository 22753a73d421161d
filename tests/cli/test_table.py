"""Tables for the terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from robustkit.cli.table import results_by_condition


def row(condition: str, metric: str, value: float | None, n: int) -> dict[str, Any]:
    ends = {"ci_low": None, "ci_high": None}
    return {
        "model": "m",
        "condition": condition,
        "seed": 0,
        "metric": f"metrics/{metric}",
        "value": value,
        "n": n,
    } | ends


def test_a_metric_of_many_parts_shows_some_and_says_so() -> None:
    table = results_by_condition([row("clean", f"linear-cka@layer{n}", 0.1 * n, 60) for n in range(20)])
    assert "7 of 20 parts, results.csv has all" in table
    assert "layer6" in table
    assert "layer7" not in table


def test_a_metric_over_fewer_samples_shares_the_line_and_says_so() -> None:
    attack = "attacks/pgd:eps=0.1"
    rows = [
        row("clean", "accuracy", 0.9, 60),
        row(attack, "accuracy", 0.3, 60),
        row(attack, "attack-success-rate", 0.6667, 54),
        row(attack, "nll", None, 0),
    ]
    table = results_by_condition(rows)
    assert table.startswith("n 60, seed 0")
    (line,) = (line for line in table.splitlines() if "pgd" in line)
    assert line.split()[-5:] == ["0.3000", "0.6667", "of", "54", "undefined"]
    (clean,) = (line for line in table.splitlines() if " clean" in line)
    assert clean.split() == ["m", "clean", "0.9000"]


def test_a_metric_with_many_parts_is_named_in_one_line() -> None:
    """All pairs of layers: no terminal has so many columns."""
    rows = [row("clean", metric, 0.5, 9) for metric in ("accuracy", *(f"similarity@cka/a~{k}" for k in range(25)))]
    table = results_by_condition(rows)
    assert "similarity: 25 parts; results.csv and 'robustkit report' have them" in table
    assert "cka/a~3" not in table
    assert "cka/a~3" in results_by_condition(rows[:13])


VARIANTS = ("accuracy", "ece:norm=l2,debiased=true", "ece:binning=equal-mass", "ece:norm=max", "classwise-ece", "nll")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_columns_that_do_not_fit_stand_in_a_further_table(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models and conditions are in each, and no heading is cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [
        {**row("corruptions/gaussian-noise:severity=3", metric, 0.25, 60), "model": "fashion-mnist-mini"}
        for metric in VARIANTS
    ]
    table = results_by_condition(rows)
    assert max(map(len, table.splitlines())) <= width
    assert all(piece in table for name in VARIANTS for piece in re.split("(?<=[,:])", name))
    heads = [line for line in table.splitlines() if line.startswith("model")]
    assert table.count("debiased=true") == 1
    assert len(heads) > 1
    values = [line for line in table.splitlines() if "0.2500" in line]
    assert len(values) == len(heads)
    assert all("fashion-mnist-mini" in line and "gaussian-noise" in line for line in values)


def test_a_heading_wider_than_the_terminal_is_broken_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    name = "utility-sensitivity:" + ",".join(f"parameter{number}=value" for number in range(5))
    table = results_by_condition([row("clean", name, 0.25, 60)])
    (line,) = (line for line in table.splitlines() if "0.2500" in line)
    assert line.split() == ["m", "clean", "0.2500"]
    assert all(f"parameter{number}=value" in table for number in range(5))


def test_one_table_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    table = results_by_condition([row("clean", metric, 0.25, 60) for metric in VARIANTS])
    assert len([line for line in table.splitlines() if "0.2500" in line]) == 1
