"""Tables for the terminal."""

from __future__ import annotations

from typing import Any

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
