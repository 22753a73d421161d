"""The worst case over the attacks of a run, on the command line and in the run folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from robustkit.store import RunFolder

ATTACKS = ["-a", "fgsm:eps=0.03", "-a", "pgd:eps=0.03,steps=2,step_size=0.004"]


def test_eval_reports_what_no_attack_changed(robustkit: Any, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = robustkit("eval", *small.arguments, *ATTACKS, "-m", "accuracy", "-o", run, "--json")
    assert result.code == 0, result.err
    manifest = json.loads((run / "manifest.json").read_text())
    held = []
    for cell in manifest["cells"]:
        if cell["condition"] != "clean":
            records = RunFolder(run).read_cell(cell["key"], 1)
            assert records is not None
            held.append(records["prediction"] == records["label"])
    robust = int(np.all(held, axis=0).sum())
    (facts,) = result.json["worst_cases"]
    assert facts == manifest["worst_cases"][0]
    assert (facts["n"], facts["right"], facts["robust"], facts["missing"]) == (60, 54, robust, [])
    assert sum(each["alone"] for each in facts["attacks"].values()) <= 54 - robust
    (row,) = (
        row
        for row in csv.DictReader((run / "results.csv").read_text().splitlines())
        if row["perturbation"] == "worst-case"
    )
    assert row["condition"] == "worst-case:eps=0.03,norm=linf"
    assert (float(row["value"]), row["n"], row["severity"]) == (robust / 60, "60", "")
    shown = robustkit("show", run).out
    assert "worst-case, eps 0.03" in shown
    assert "broken by no attack" in shown
    report = robustkit("report", run, "-r", "csv", "-o", tmp_path / "report")
    assert report.code == 0, report.err
    assert "worst-case:eps=0.03,norm=linf" in (tmp_path / "report" / "tables" / "results.csv").read_text()
    assert (
        "worst-case:eps=0.03,norm=linf over attacks/fgsm"
        in (tmp_path / "report" / "tables" / "worst-case.csv").read_text()
    )


def test_a_gate_holds_for_the_worst_case_too(robustkit: Any, small: Any) -> None:
    result = robustkit("eval", *small.arguments, *ATTACKS, "-m", "accuracy", "--fail-under", "accuracy=0.95", "--json")
    assert result.code == 1
    assert "worst-case:eps=0.03,norm=linf" in {gate["condition"] for gate in result.json["failed_gates"]}


BROKEN = """
from robustkit import Attack, hookimpl

class Broken:
    def __init__(self, params): pass

    def run(self, model, inputs, labels, threat_model, keys):
        raise ValueError("no")

@hookimpl
def robustkit_attacks():
    return [Attack(name="broken", summary="fails", target=Broken, stochastic=False)]
"""


def test_an_attack_without_a_result_is_named(robustkit: Any, small: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    more = ["--include", tmp_path / "broken.py", "-a", "broken:eps=0.03", "-o", tmp_path / "run"]
    result = robustkit("eval", *small.arguments, *ATTACKS, *more)
    assert result.code == 4
    assert "without broken/broken:eps=0.03,norm=linf: no result" in result.err
