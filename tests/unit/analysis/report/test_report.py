"""Reports: what is said in words and tables, and runs that are not as they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robustkit.analysis.report.load import load_report
from robustkit.analysis.spec_json import spec_from_json, spec_to_json
from robustkit.analysis.specs import FigureSpec, Report, Study
from robustkit.errors import DataError
from robustkit.store.checks import Check, checks_to_plain

HALF, FULL, NONE = [1, 0] * 10, [1] * 20, [0] * 20


def only(report: Report) -> Study:
    (study,) = report.studies
    return study


def said(study: Study) -> dict[str, str]:
    return {finding.about: finding.text for finding in study.verdict if finding.kind == "result"}


def cautions(study: Study) -> str:
    return " ".join(finding.text for finding in study.verdict if finding.kind == "caution")


def test_the_verdict_names_who_is_best_at_what(two_models: Path) -> None:
    verdict = said(only(load_report(two_models)))
    assert verdict["overall"].startswith("No model is best in every respect")
    assert verdict["clean"].startswith("plain leads with 90.0 %")
    assert verdict["mean over perturbations"].startswith("hardened leads with 65.0 %")
    assert verdict["pgd, eps 0.1"].startswith("hardened leads with 50.0 % [29.9, 70.1]: ahead of plain by 50.0")
    assert "plain" in verdict["Pareto front"]


def test_a_difference_within_its_interval_is_called_not_separable(make_run: Any) -> None:
    correct = {"a": {"clean": [1, 0] * 10}, "b": {"clean": [0, 1] * 9 + [1, 1]}}
    verdict = said(
        only(load_report(make_run({name: each | {"a/pgd:eps=0.1": NONE} for name, each in correct.items()})))
    )
    assert verdict["clean"].startswith("Highest point estimate: b with 55.0 %")
    assert "not separable from a" in verdict["clean"]
    assert verdict["overall"].startswith("b has the highest point estimate in every respect")
    assert "leads" not in " ".join(verdict.values())


def test_who_is_ahead_of_some_only_does_not_lead(make_run: Any) -> None:
    correct = {"a": {"clean": [1] * 18 + [0] * 2}, "b": {"clean": [1] * 17 + [0] * 2 + [1]}, "c": {"clean": NONE}}
    verdict = said(only(load_report(make_run(correct))))["clean"]
    assert verdict.startswith("Highest point estimate: a with 90.0 %")
    assert "ahead of c" in verdict


def test_a_difference_outside_its_interval_is_not(make_run: Any) -> None:
    verdict = said(only(load_report(make_run({"a": {"clean": FULL}, "b": {"clean": NONE}}))))
    assert "ahead of b by 100.0 points" in verdict["clean"]
    assert "not separable" not in verdict["clean"]


def test_equal_models_are_level(make_run: Any) -> None:
    assert said(only(load_report(make_run({"a": {"clean": HALF}, "b": {"clean": HALF}}))))["clean"].startswith(
        "All are"
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [({"a/pgd:eps=0.1": HALF}, "upper bound"), ({}, "No attack was run")],
)
def test_the_standing_caution_fits_the_run(make_run: Any, conditions: dict[str, Any], expected: str) -> None:
    assert expected in cautions(only(load_report(make_run({"m": {"clean": FULL, **conditions}}))))


def test_the_main_table_marks_the_best_and_leaves_undefined_values_undefined(make_run: Any) -> None:
    correct = {"a": {"clean": FULL, "a/pgd:eps=0.1": NONE}, "b": {"clean": HALF}, "c": {"clean": NONE}}
    table = only(load_report(make_run(correct))).tables[0]
    assert [column.title for column in table.columns] == ["model", "clean"]
    assert [row[1].rank for row in table.rows] == ["best", "second", ""]
    every = next(
        table for table in only(load_report(make_run(correct, name="again"))).tables if table.id == "conditions"
    )
    assert ("b", "pgd, eps 0.1") not in {(row[0].text, row[1].text) for row in every.rows}


def test_conditions_are_short_on_the_page_and_in_full_beside(two_models: Path) -> None:
    table = next(each for each in only(load_report(two_models)).tables if each.id == "conditions")
    names = {row[1].text: row[1].full for row in table.rows}
    assert names["fog, severity 1"] == "c/fog:severity=1"


def test_failures_are_listed_and_counted(make_run: Any) -> None:
    failure = {"model": "a", "condition": "c/f:severity=1", "seed": 0, "error": "out of memory"}
    run = make_run({"a": {"clean": FULL}}, failures=[failure], status="finished with failures")
    report = load_report(run)
    assert [cell.text for cell in report.failures.rows[0]] == ["run", "a", "c/f:severity=1", "0", "out of memory"]
    assert "1 cell(s) or metric(s) have no result" in cautions(only(report))
    assert any("1 failure" in note for note in report.notes)


def test_an_unfinished_run_is_reported_as_far_as_it_is(make_run: Any) -> None:
    run = make_run({"a": {"clean": HALF, "c/f:severity=1": NONE}}, results=False, status="interrupted", finished=None)
    report = load_report(run)
    assert "did not finish (interrupted)" in " ".join(report.notes)
    assert [cell.value for cell in only(report).tables[0].rows[0][1:]] == [0.5, 0.0]


def test_a_run_that_was_interrupted_is_the_first_thing_said(make_run: Any) -> None:
    run = make_run({"a": {"clean": HALF, "c/f:severity=1": NONE}, "b": {"clean": FULL}}, status="interrupted")
    manifest = json.loads((run / "manifest.json").read_text())
    cells = [*manifest["cells"], {**manifest["cells"][1], "model": "b", "key": "0" * 64}]
    (run / "manifest.json").write_text(json.dumps({**manifest, "cells": cells}))
    report = load_report(run, make_run({"other": {"clean": HALF}}, name="whole"))
    first = only(report).verdict[0]
    assert (first.about, first.kind) == ("not finished", "alert")
    assert first.text.startswith("Run run did not finish (interrupted): 3 of its 4 cells are here")
    assert [finding.kind for finding in only(report).verdict].count("alert") == 1


def test_a_finished_run_has_no_alert(two_models: Path) -> None:
    assert all(finding.kind != "alert" for finding in only(load_report(two_models)).verdict)


def test_a_run_without_any_result_is_refused(make_run: Any) -> None:
    run = make_run({"a": {"clean": HALF}}, results=False, records=False, status="running")
    with pytest.raises(DataError, match="has no results yet"):
        load_report(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a run folder"):
        load_report(tmp_path)


@pytest.mark.parametrize("missing", ["models", "conditions", "datasets", "metrics", "environment"])
def test_a_manifest_of_another_form_is_one_line(make_run: Any, missing: str) -> None:
    run = make_run({"a": {"clean": HALF}})
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest[missing]
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="not as robustkit writes them"):
        load_report(run)


def test_a_run_without_accuracy_has_its_other_metrics(make_run: Any) -> None:
    run = make_run({"a": {"clean": HALF}})
    rows = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps([{**row, "metric": "metrics/nll"} for row in rows]))
    study = only(load_report(run))
    assert [table.id for table in study.tables] == ["conditions"]
    assert "no perturbation" in next(each.reason for each in study.omitted if each.figure == "tradeoff")


def test_a_run_of_metrics_with_parts_alone_says_that_accuracy_is_missing(make_run: Any) -> None:
    run = make_run({"a": {"clean": HALF, "c/f:severity=1": NONE}})
    rows = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps([{**row, "metric": "metrics/rank@conv"} for row in rows]))
    study = only(load_report(run))
    assert [table.id for table in study.tables] == ["parts"], "no table is without rows"
    assert study.notes == ()
    assert said(study)["accuracy"].startswith("Accuracy was not measured: ")
    reasons = {each.figure: each.reason for each in study.omitted}
    assert all("accuracy was not measured" in reasons[figure] for figure in ("tradeoff", "severity"))
    assert "-m default" in reasons["tradeoff"]


def test_runs_on_other_data_get_figures_of_their_own(make_run: Any) -> None:
    runs = [make_run({"m": {"clean": HALF[:n], "a/pgd:eps=0.1": NONE[:n]}}, name=f"n{n}") for n in (10, 20)]
    report = load_report(*runs)
    ids = [figure.id for study in report.studies for figure in study.figures]
    assert ids == ["tradeoff-toy-10", "tradeoff-toy-20"]
    assert any("different data" in note for note in report.notes)


def test_caveats_of_metrics_conditions_and_training_are_repeated(make_run: Any) -> None:
    training = {"trainer": "trainers/fcl", "caveat": "follows the text, not the code"}
    report = load_report(
        make_run(
            {"a": {"clean": HALF}},
            facts={"a": {"training": training}},
            metrics={"metrics/accuracy": {"interval": "wilson", "caveat": "of a subset"}},
            notes=[{"model": "a", "condition": "clean", "metric": "metrics/x", "note": "few samples"}] * 2,
        )
    )
    assert "metric metrics/accuracy: of a subset" in report.caveats
    assert "model a, trained with trainers/fcl: follows the text, not the code" in report.caveats
    both = {name: {"training": training} for name in "ab"}
    again = make_run({name: {"clean": HALF} for name in both}, name="again", facts=both)
    assert load_report(again).caveats == ("models a, b, trained with trainers/fcl: follows the text, not the code",)
    assert "metrics/x: few samples (2 cells)" in report.notes


def check(status: str, name: str = "zero-gradient", **facts: Any) -> dict[str, Any]:
    advice = "" if status == "pass" else f"mend {name}"
    (plain,) = checks_to_plain([Check(id=name, status=status, **{"model": "a", "advice": advice, **facts})])
    return plain


def test_checks_are_listed_the_worst_first(make_run: Any) -> None:
    measured = {"numbers": {"zero_share": 0.10491, "n": 48}}
    checks = [check("pass"), check("not run"), check("fail", **measured), check("warn", condition="clean", seed=0)]
    table = load_report(make_run({"a": {"clean": HALF}}, checks=checks)).trust
    assert table is not None
    assert table.title == "Trust checks: 1 passed, 1 failed, 1 with a warning, 1 not run"
    rows = [{column.title: cell.text for column, cell in zip(table.columns, row, strict=True)} for row in table.rows]
    assert [row["status"] for row in rows] == ["fail", "warn", "not run", "pass"]
    assert rows[0]["numbers"] == "zero share 0.1049, n 48"
    assert (rows[0]["advice"], rows[1]["condition"], rows[3]["advice"]) == ("mend zero-gradient", "clean, seed 0", "")
    assert load_report(make_run({"a": {"clean": HALF}}, name="none")).trust is None


def test_a_failed_check_is_the_first_thing_that_the_verdict_says(make_run: Any) -> None:
    both = [check("fail", model=model) for model in "ab"]
    checks = [*both, check("fail", name="unbounded", model="c"), check("fail", name="black-box", model="c")]
    study = only(load_report(make_run({name: {"clean": HALF} for name in "abc"}, checks=checks)))
    first, second = study.verdict[:2]
    assert (first.kind, second.kind, study.verdict[2].kind) == ("alert", "alert", "result")
    assert first.text.startswith("Do not rely on a, b: trust check fails (non-zero input gradient). Mend zero-gradient")
    assert second.text.startswith("Do not rely on c: 2 trust checks fail (unbounded attack breaks everything; search")
    assert "First of all: mend unbounded." in second.text


def test_warnings_and_checks_that_were_not_run_are_cautions(make_run: Any) -> None:
    skipped = [check("not run", name=name, advice="no time") for name in ("unbounded", "black-box")]
    manual = check("not run", name="threat-model", model="")
    study = only(load_report(make_run({"a": {"clean": HALF}}, checks=[check("warn"), *skipped, manual])))
    assert [finding for finding in study.verdict if finding.kind == "alert"] == []
    text = cautions(study)
    assert "Trust warning, a: non-zero input gradient (mend zero-gradient)." in text
    assert "Not checked, a: unbounded attack breaks everything; search without gradients" in text
    assert "threat model" not in text


def test_models_of_several_runs_are_told_apart_by_their_run(make_run: Any) -> None:
    runs = [make_run({"a": {"clean": HALF}}, name=name, checks=[check("fail")]) for name in ("one", "two")]
    texts = [finding.text for finding in only(load_report(*runs)).verdict if finding.kind == "alert"]
    assert texts[0].startswith("Do not rely on a (one), a (two): trust check fails")


def test_a_check_that_is_none_is_an_error_of_the_folder(make_run: Any) -> None:
    with pytest.raises(DataError, match="known id and status"):
        load_report(make_run({"a": {"clean": HALF}}, checks=[{"check": "error rate", "status": "pass"}]))


def test_a_report_survives_json(two_models: Path) -> None:
    report = load_report(two_models)
    assert spec_from_json(Report, spec_to_json(report)) == report


@pytest.mark.parametrize("text", ["", "[]", '{"id": "x"}', '{"surprise": 1}'])
def test_json_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="expected a FigureSpec"):
        spec_from_json(FigureSpec, text)


def test_names_with_control_characters_are_cleaned(make_run: Any) -> None:
    study = only(load_report(make_run({"a\n\x1b[31mb": {"clean": HALF}})))
    assert study.tables[0].rows[0][0].text == "a [31mb"


def test_tables_say_how_all_their_intervals_were_made(make_run: Any) -> None:
    cell = {"model": "a", "dataset": "toy", "condition": "clean", "seed": 0, "n": 20, "ci_low": 0.1, "ci_high": 0.3}
    intervals = {"accuracy": "wilson", "nll": "student-t", "ece": "bootstrap", "cka": "jackknife"}
    metrics = {f"metrics/{name}": {"interval": how, "caveat": f"of {name}"} for name, how in intervals.items()}
    rows = [{**cell, "metric": f"metrics/{name}", "value": 0.2} for name in ("nll", "ece", "cka@conv")]
    tables = {
        table.id: table
        for table in only(load_report(make_run({"a": {"clean": HALF}}, rows=rows, metrics=metrics))).tables
    }
    every, parts = tables["conditions"].caption, tables["parts"].caption
    for said in ("Wilson's", "Student's t over samples", "the metric's own bootstrap over samples"):
        assert said in every
        assert said not in parts
    assert "1,000" not in every
    assert "as the metric declares (jackknife)" in parts
    assert "metrics/cka (of cka)" in parts


def test_a_model_without_normalisation_shows_a_dash(make_run: Any) -> None:
    report = load_report(make_run({"a": {"clean": HALF}}, facts={"a": {"normalize": None}}))
    table = next(table for table in report.provenance if table.id == "models")
    place = [column.title for column in table.columns].index("normalisation")
    assert table.rows[0][place].text == "–"


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


def test_no_text_of_a_report_can_steer_a_terminal_or_break_a_page(make_run: Any) -> None:
    bad = "\x1b[31mred\u202e\x00"
    correct = {"clean": HALF, "c/f:severity=1": NONE}
    paths = [
        make_run(
            {f"net{bad}": correct},
            name=f"run{number}{bad.strip(chr(0))}",
            facts={f"net{bad}": {"checkpoint": bad, "training": {"trainer": bad, "caveat": bad}}},
            status=f"interrupted{bad}",
            failures=[{"model": bad, "condition": bad, "seed": 0, "error": bad}],
            notes=[{"model": bad, "condition": "clean", "metric": bad, "note": bad}],
            command=[bad],
        )
        for number in (1, 2)
    ]
    found = texts(json.loads(spec_to_json(load_report(*paths))))
    assert any("red" in text for text in found)
    assert not [text for text in found if not text.replace("\n", "").isprintable()]


def test_folders_whose_names_print_alike_are_told_apart(make_run: Any) -> None:
    paths = [make_run({"net": {"clean": HALF}}, name=name) for name in ("a\x01", "a\x02", "\x03")]
    assert load_report(*paths).runs == ("a", "a (2)", "run")
