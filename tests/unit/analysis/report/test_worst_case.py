"""The worst case over attacks in comparisons and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.comparison.measure import compare_runs
from robustkit.analysis.comparison.runs import read_runs
from robustkit.analysis.figures.robust_accuracy_curve import robust_accuracy_figure
from robustkit.analysis.report.load import load_report
from robustkit.analysis.specs import FigureSpec
from robustkit.analysis.statistics.intervals import wilson_interval

PGD, SQUARE, FULL = "a/pgd:eps=0.1", "a/square:eps=0.1", [1] * 20
WORST = "worst-case:eps=0.1,norm=linf"


def held(*broken: int) -> list[int]:
    return [0 if place in broken else 1 for place in range(20)]


def compared(*paths: Path) -> Comparison:
    (comparison,) = compare_runs(read_runs(paths))
    return comparison


@pytest.fixture
def attacked(make_run: Any) -> Path:
    """`plain` is broken on 12 samples by two attacks together, `hardened` on 4; clean, `plain` is better."""
    plain = {"clean": FULL, PGD: held(*range(10)), SQUARE: held(*range(4, 12))}
    hardened = {"clean": held(19), PGD: held(0, 1, 19), SQUARE: held(2, 3, 19)}
    return Path(make_run({"plain": plain, "hardened": hardened}))


def test_models_are_compared_by_the_worst_case_of_the_attacks_that_they_share(attacked: Path) -> None:
    comparison = compared(attacked)
    assert comparison.headline == ("clean", WORST)
    plain, hardened = (comparison.of(subject, WORST) for subject in comparison.subjects)
    assert (plain.value, hardened.value) == (8 / 20, 15 / 20)
    assert (plain.low, plain.high, plain.method) == (*wilson_interval(8, 20), "wilson")
    # On the same samples: the difference has a paired interval.
    gap = comparison.gaps[WORST, "plain"]
    assert (gap.value, gap.method) == (pytest.approx(7 / 20), "bootstrap")
    assert comparison.worst_cases["plain", WORST].attacks == {"pgd": (10, 4), "square": (8, 2)}


def test_the_verdict_and_the_tables_report_it(attacked: Path) -> None:
    study = load_report(attacked).studies[0]
    about = {finding.about: finding.text for finding in study.verdict}
    assert about["worst case, linf eps 0.1"].startswith("hardened leads with 75.0 %")
    results = study.tables[0]
    assert [column.title for column in results.columns][:3] == ["model", "clean", "worst case, linf eps 0.1"]
    assert "none of the attacks with the same norm" in results.caption
    tradeoff = next(figure for figure in study.figures if figure.kind == "tradeoff")
    assert [panel.title for panel in tradeoff.panels] == ["worst case, linf eps 0.1"]
    assert f"Attacks: {PGD}; {SQUARE}." in tradeoff.caption
    broken = next(table for table in study.tables if table.id == "worst-case")
    rows = [(*(cell.text for cell in row[:3]), *(cell.value for cell in row[3:])) for row in broken.rows]
    assert rows[:2] == [
        ("plain", "worst case, linf eps 0.1", "pgd", 20, 10, 4),
        ("plain", "worst case, linf eps 0.1", "square", 20, 8, 2),
    ]
    assert rows[2][3:] == (19, 2, 2)


def test_attacks_of_several_runs_are_taken_together(make_run: Any) -> None:
    """The model is one model in both runs; what either run broke is broken."""
    facts = {"m": {"identity": {"weights": "w"}}}
    first = make_run({"m": {"clean": FULL, PGD: held(0, 1)}}, name="first", facts=facts)
    second = make_run({"m": {"clean": FULL, SQUARE: held(1, 2)}}, name="second", facts=facts)
    comparison = compared(first, second)
    assert comparison.of(comparison.subjects[0], WORST).value == 17 / 20


def test_an_attack_that_not_all_models_faced_is_not_in_the_worst_case(make_run: Any) -> None:
    run = make_run(
        {
            "m": {"clean": FULL, PGD: held(0), SQUARE: held(1), "a/fab:eps=0.1": held(2)},
            "n": {"clean": FULL, PGD: held(0), SQUARE: held(1)},
        }
    )
    comparison = compared(run)
    assert [comparison.of(subject, WORST).value for subject in comparison.subjects] == [18 / 20, 18 / 20]
    assert "a/fab:eps=0.1" not in comparison.worst_cases["m", WORST].over


def test_without_records_there_is_none(make_run: Any) -> None:
    run = make_run({"m": {"clean": FULL, PGD: held(0), SQUARE: held(1)}}, records=False)
    comparison = compared(run)
    assert WORST not in comparison.conditions
    assert comparison.headline == ("clean", PGD, SQUARE)


def test_a_row_of_the_run_is_not_taken_for_a_condition(make_run: Any) -> None:
    """A run's own worst case is over its own attacks alone: here it is found anew."""
    cell = {"model": "m", "dataset": "toy", "condition": WORST, "seed": 0, "perturbation": "worst-case"}
    row = {**cell, "metric": "metrics/accuracy", "value": 0.123, "n": 20, "ci_low": 0.1, "ci_high": 0.2}
    run = make_run({"m": {"clean": FULL, PGD: held(0), SQUARE: held(1)}}, rows=[row])
    comparison = compared(run)
    assert comparison.of(comparison.subjects[0], WORST).value == 18 / 20


def test_training_seeds_of_a_group_have_an_interval_over_seeds(make_run: Any) -> None:
    facts = {f"m{seed}": {"group": "m", "training_seed": seed} for seed in (0, 1)}
    correct = {
        "m0": {"clean": FULL, PGD: held(0), SQUARE: held(1)},
        "m1": {"clean": FULL, PGD: held(0), SQUARE: held(1, 2, 3)},
    }
    comparison = compared(make_run(correct, facts=facts))
    (subject,) = comparison.subjects
    measured = comparison.of(subject, WORST)
    assert (measured.value, measured.over, measured.n) == (pytest.approx(17 / 20), "seeds", 2)
    assert {model for model, _ in comparison.worst_cases} == {"m0", "m1"}


def test_several_eps_give_a_curve_of_the_worst_case(make_run: Any) -> None:
    small = {"a/pgd:eps=0.05": held(0), "a/square:eps=0.05": held(1)}
    run = make_run({"m": {"clean": FULL, **small, PGD: held(0, 2), SQUARE: held(3)}})
    figure = robust_accuracy_figure(compared(run))
    assert isinstance(figure, FigureSpec)
    assert [panel.title for panel in figure.panels] == ["worst case (linf)", "pgd", "square"]
    points = [(point.x, point.y) for point in figure.panels[0].series[0].points]
    assert points == [(0.0, 1.0), (0.05, 18 / 20), (0.1, 16 / 20)]
