"""`robustkit compare`: table, JSON, CSV, gate and errors."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.cli.compare import command
from robustkit.cli.compare_table import signed

COMMAND = [sys.executable, "-m", "robustkit"]
NOISE = "gaussian-noise:severity=[1,5]"


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def runs(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs `before`, `after` (a model that is worse), `part` (of the samples) and `other` (data)."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("runs")
    weights = load_file(small.checkpoint)
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32))
    save_file({**weights, "1.weight": weights["1.weight"] + 2 * noise}, folder / "worse.safetensors")
    with np.load(small.data) as data:
        np.savez(folder / "other.npz", images=255 - data["images"], labels=data["labels"])
    common = ["--model", small.model, "--trust-samples", "0", "--device", "cpu", "-q"]
    for name, *arguments in (
        ("before", small.checkpoint, "--data", small.data, "-p", NOISE, "-a", "fgsm:eps=0.02"),
        ("after", folder / "worse.safetensors", "--data", small.data, "-p", NOISE, "-a", "fgsm:eps=0.02"),
        ("part", small.checkpoint, "--data", small.data, "--limit", "20"),
        ("other", small.checkpoint, "--data", folder / "other.npz"),
    ):
        line = [*COMMAND, "eval", *map(str, arguments), *common, "-o", str(folder / name)]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def compare(runs: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `robustkit compare …` in this process, which saves its start; bare names are those of the runs."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        named = [str(runs / str(each)) if (runs / str(each)).is_dir() else str(each) for each in arguments]
        code = command.main(named, standalone_mode=False)
        return Done(code, *capsys.readouterr())

    return run


def test_the_table_has_differences_intervals_and_tests(compare: Any) -> None:
    done = compare("before", "after")
    assert done.code == 0
    for part in ("A  small0, run", "B  worse, run", "B − A, 95 %", "lost", "gained", "Holm", "max-T", "jointly"):
        assert part in done.out
    for part in ("mean over perturbations", "fgsm, eps 0.02", "McNemar, exact", "Newcombe", "nll", "60 shared samples"):
        assert part in done.out
    assert "trained once" in done.err


def test_json_agrees_with_the_results_of_the_runs(compare: Any, runs: Path) -> None:
    (pair,) = json.loads(compare("before", "after", "--json").out)["comparisons"]
    rows = [json.loads((runs / name / "results.json").read_text()) for name in ("before", "after")]
    clean = [
        next(row["value"] for row in each if (row["condition"], row["metric"]) == ("clean", "metrics/accuracy"))
        for each in rows
    ]
    line = pair["lines"][0]
    assert [line["a_value"], line["b_value"]] == clean
    assert line["gained"] - line["lost"] == pytest.approx(60 * line["difference"])
    assert pair["samples"] == 60
    assert {each["metric"] for each in pair["metrics"]} >= {"metrics/nll", "metrics/brier", "metrics/ece"}


def test_csv_is_written_and_not_written_over(compare: Any, robustkit: Any, runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    done = compare("before", "after", "--out", out)
    assert str(out) in done.err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert rows[0]["id"] == "clean"
    robustkit("compare", runs / "before", runs / "after", "-o", out).assert_error(2, "exists", "--force")
    assert compare("before", "after", "--out", out, "--force").code == 0


def test_the_gate_fails_on_a_regression_and_passes_without(compare: Any) -> None:
    worse = compare("before", "after", "--fail-on-regression", "0.01")
    assert worse.code == 1
    assert "robustkit: regression: worse · clean" in worse.err
    assert compare("after", "before", "--fail-on-regression", "0.01", "--regression-rule", "point").code == 0
    assert compare("before", "after", "--fail-on-regression", "0.99").code == 0


def test_the_rules_differ_where_the_evidence_is_weak(compare: Any) -> None:
    found = json.loads(compare("before", "after", "--json").out)["comparisons"][0]["lines"]
    by_rule = {
        rule: json.loads(
            compare("before", "after", "--json", "--fail-on-regression", "0", "--regression-rule", rule).out
        )
        for rule in ("joint", "interval", "point")
    }
    counts = [len(each["regressions"]) for each in by_rule.values()]
    assert counts == sorted(counts)
    assert counts[2] == sum(line["difference"] < 0 for line in found)
    assert counts[0] == sum(line["difference"] < 0 and line["joint_high"] < 0 for line in found)


def test_the_gate_does_not_pass_over_what_could_not_be_compared(compare: Any) -> None:
    done = compare("before", "part", "--fail-on-regression", "0.01")
    assert done.code == 4
    assert "3 condition(s) of small0 (before) could not be compared" in done.err
    assert "only the 20 samples" in done.err
    assert compare("before", "part").code == 0
    assert compare("part", "before", "--fail-on-regression", "0.01").code == 0


def test_a_gate_without_the_power_to_fire_says_so_once(compare: Any) -> None:
    said = "the gate could hardly have fired at 0.01"
    assert compare("part", "before", "--fail-on-regression", "0.01").err.count(said) == 1
    assert said not in compare("part", "before", "--fail-on-regression", "0.01", "--regression-rule", "point").err
    assert "could hardly" not in compare("before", "after", "--fail-on-regression", "0.99").err
    assert "could hardly" not in compare("part", "before").err


def test_equivalence_is_said_for_a_margin(compare: Any) -> None:
    assert "equivalent" not in compare("before", "after").out
    done = compare("before", "after", "--equivalence-margin", "0.999", "--json")
    lines = json.loads(done.out)["comparisons"][0]["lines"]
    assert all(line["equivalent"] and line["equivalence_high"] < 0.999 for line in lines)


def test_mistakes_are_explained(robustkit: Any, runs: Path, small: Any) -> None:
    before = runs / "before"
    for arguments, parts in (
        ([before], ("two or more", "RUN_A RUN_B")),
        ([before, runs / "absent"], ("absent is not a run folder",)),
        ([before, runs / "other"], ("different data", "--data")),
        ([before / "modle", runs / "after"], ("no model or group 'modle'", "model")),
        ([before, before], ("named twice",)),
        ([before, runs / "after", "-o", "table.txt"], ("ends in .csv",)),
        ([before, runs / "after", "--fail-on-regression", "5"], ("0<=x<=1",)),
        ([before, runs / "after", "--fail-on-regression", "nan"], ("expected a number in the range 0<=x<=1, got nan",)),
        ([before, runs / "after", "--equivalence-margin", "nan"], ("expected a number in the range 0<x<=1, got nan",)),
    ):
        robustkit("compare", *arguments).assert_error(2, *parts)


def test_a_training_folder_is_no_run(robustkit: Any, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": 1, "kind": "training"}))
    robustkit("compare", runs / "before", tmp_path).assert_error(2, "robustkit train", "evaluate the model first")


def test_a_damaged_manifest_is_an_error_and_no_traceback(robustkit: Any, runs: Path, tmp_path: Path) -> None:
    manifest = json.loads((runs / "after" / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "datasets": {}, "chunks": 0}))
    (tmp_path / "results.json").write_text((runs / "after" / "results.json").read_text())
    robustkit("compare", runs / "before", tmp_path).assert_error(2)


@pytest.mark.parametrize(("value", "expected"), [(-0.00001, "0.0000"), (0.0, "0.0000"), (-0.0312, "−0.0312")])
def test_what_rounds_to_nothing_has_no_sign(value: float, expected: str) -> None:
    assert signed(value, 4) == expected
