"""Effective robustness in a report: from a table and from runs, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robustkit.analysis.corruption.baseline import open_run_baseline
from robustkit.analysis.effective.baselines import read_effective_baselines
from robustkit.analysis.report.load import load_report
from robustkit.analysis.specs import TableSpec
from robustkit.errors import ConfigError, DataError

FOG = "c/fog:severity="
ROWS = [(0.60, 0.45), (0.70, 0.57), (0.75, 0.63), (0.80, 0.70)]


def some(right: int, n: int = 100) -> list[int]:
    return [1] * right + [0] * (n - right)


def write(path: Path, rows: list[tuple[Any, ...]], header: str = "model,clean,fog") -> Path:
    lines = [header, *(f"m{place}," + ",".join(map(str, row)) for place, row in enumerate(rows))]
    path.write_text("\n".join(lines) + "\n")
    return path


def table(run: Path, *sources: Path, **more: Any) -> TableSpec:
    baseline = more.pop("baseline", None)
    against = read_effective_baselines(sources, **{"fewest": 4, **more})
    report = load_report(run, baseline=baseline, effective=against)
    return next(each for each in report.studies[0].tables if each.id == "effective-robustness")


@pytest.fixture
def run(make_run: Any) -> Path:
    """A model with 78 % on clean data and 72 % under fog, and one that is better than all baselines."""
    return make_run({"m": {"clean": some(78), f"{FOG}2": some(72)}, "top": {"clean": some(90), f"{FOG}2": some(80)}})


def test_rho_is_what_is_above_the_line(run: Path, tmp_path: Path) -> None:
    found = table(run, write(tmp_path / "b.csv", ROWS))
    numbers = dict(zip([column.title for column in found.columns], found.rows[0], strict=True))
    assert numbers["expected"].value == pytest.approx(0.672102, abs=1e-6)
    assert numbers["rho"].value == pytest.approx(0.047898, abs=1e-6)
    assert numbers["rho"].low == pytest.approx(0.72 - numbers["expected"].high)
    assert "slope 1.064, intercept -0.629" in found.caption
    assert any("Fewer than 8 baselines, so unreliable: fog." in note for note in found.notes)


def test_outside_the_baselines_there_is_no_rho(run: Path, tmp_path: Path) -> None:
    found = table(run, write(tmp_path / "b.csv", ROWS))
    assert [cell.value for cell in found.rows[1]][2:] == [0.9, 0.8, None, None]
    assert any("no rho: top (fog)" in note for note in found.notes)


def test_too_few_are_refused_unless_they_are_asked_for(run: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", ROWS)
    with pytest.raises(ConfigError, match="needs 8 baseline models, got 4") as raised:
        table(run, path, fewest=8)
    assert "--fewest-baselines" in raised.value.hint


def test_a_model_of_a_table_may_lack_a_shift(run: Path, tmp_path: Path) -> None:
    rows = [*((*row, 0.5) for row in ROWS), (0.65, "", 0.4)]
    found = table(run, write(tmp_path / "b.csv", rows, "model,clean,mean,snow"))
    assert "n = 4 baselines" in found.caption
    assert "Shifts of the baselines that were not measured here: snow." in found.notes


def test_models_of_runs_are_baselines_where_samples_and_conditions_are_the_same(run: Path, make_run: Any) -> None:
    correct = {
        f"b{place}": {"clean": some(round(100 * clean)), f"{FOG}2": some(round(100 * shifted))}
        for place, (clean, shifted) in enumerate(ROWS)
    }
    found = table(run, make_run(correct, name="baselines"))
    assert found.rows[0][4].value == pytest.approx(0.672102, abs=1e-6)
    other = make_run({name: {"clean": some(70), "c/snow:severity=2": some(50)} for name in correct}, name="other")
    with pytest.raises(ConfigError, match="their runs have other samples or conditions"):
        table(run, other)


def test_a_model_among_its_own_baselines_is_named(run: Path, tmp_path: Path) -> None:
    found = table(run, write(tmp_path / "b.csv", ROWS), run)
    assert "Among the baselines themselves, so that they pull the line to themselves: m, top." in found.notes
    assert "n = 6 baselines" in found.caption


def test_tau_is_what_an_intervention_has_gained(run: Path, tmp_path: Path) -> None:
    baseline = open_run_baseline(str(run / "top"))
    found = table(run, write(tmp_path / "b.csv", ROWS), baseline=baseline)
    tau = found.rows[0][-1]
    assert found.columns[-1].title == "tau"
    assert tau.value == pytest.approx(0.72 - 0.80)
    assert tau.low is not None
    assert tau.low < -0.08 < (tau.high or 0.0) <= 0.0
    assert found.rows[1][-1].value == 0.0


@pytest.mark.parametrize(
    ("header", "rows", "message", "hint"),
    [
        (
            "model,clean,fgo",
            ROWS,
            "no baseline has a shift that was measured here: their shifts are fgo",
            "did you mean 'fog'?",
        ),
        ("model,clan,fog", ROWS, "expected a column 'clean', got model, clan, fog", "the first line is"),
        ("model,clean,fog", [(60, 0.4)], "m0, clean: expected a share from 0 to 1, got '60'", "write 43.5 % as 0.435"),
        ("model,clean,fog", [("", 0.4)], "a model has no clean accuracy", "fill in"),
        ("model,clean,fog", [("nan", 0.4)], "expected a share from 0 to 1, got 'nan'", ""),
        ("model,clean,fog", [], "expected models with an accuracy under a shift, got none", ""),
    ],
)
def test_a_table_that_is_wrong_says_where(
    run: Path, tmp_path: Path, header: str, rows: list[tuple[Any, ...]], message: str, hint: str
) -> None:
    with pytest.raises((ConfigError, DataError)) as raised:
        table(run, write(tmp_path / "b.csv", rows, header))
    assert message in raised.value.message
    assert hint in raised.value.hint


def test_a_model_that_is_there_twice_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("model,clean,fog\na,0.6,0.5\na,0.7,0.6\n")
    with pytest.raises(DataError, match="the model a is there twice"):
        table(run, tmp_path / "b.csv")


def test_a_model_that_two_files_have_is_refused_and_different_models_add_up(run: Path, tmp_path: Path) -> None:
    one, two = write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", ROWS)
    with pytest.raises(DataError, match=r"b\.csv: expected each baseline model once, got m0 in .*a\.csv"):
        table(run, one, two, fewest=8)
    with pytest.raises(DataError, match="m0"):
        table(run, one, one)
    two.write_text(two.read_text().replace("m", "other-m").replace("other-model", "model"))
    assert len(table(run, one, two, fewest=8).rows) == 2


def test_two_columns_of_one_shift_are_refused(run: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", [(*row, row[1]) for row in ROWS], "model,clean,fog,c/fog")
    with pytest.raises(DataError, match="expected one column a shift, got 'fog' and 'c/fog' for fog"):
        table(run, path)
