"""Which metrics `robustkit eval` computes: those of a run that goes on, those without a cell, gates on them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from robustkit.cli.gates import gate_text, missed_gates

DEFAULT = {"accuracy", "nll", "brier", "ece"}


def metrics(result: Any) -> set[str]:
    return {named(row) for row in result.json["results"]}


def named(row: dict[str, Any]) -> str:
    return str(row["metric"].partition("@")[0].removeprefix("metrics/"))


@pytest.mark.parametrize("by_folder", [True, False])
def test_a_finished_run_keeps_its_metrics_when_others_are_added(
    robustkit: Any, small: Any, tmp_path: Path, by_folder: bool
) -> None:
    run = ["-o", tmp_path / "run", "--json"]
    first = robustkit("eval", *small.arguments, "-p", "fog:severity=1", *run)
    again = ["--model", small.model] if by_folder else [*small.arguments, "-p", "fog:severity=1"]
    added = robustkit("eval", "--resume", *again, "-m", "consistency", *run)
    assert metrics(added) == {*DEFAULT, "consistency"}
    kept = [row for row in added.json["results"] if named(row) in DEFAULT]
    assert kept == first.json["results"]
    more = robustkit("eval", "--resume", *again, "-m", "worst-class", *run)
    assert metrics(more) == {*DEFAULT, "consistency", "worst-class"}
    # What was chosen stays, also for whoever reads the folder alone.
    alone = robustkit("eval", "--resume", "--model", small.model, *run)
    assert alone.json == more.json


def test_a_metric_that_no_cell_has_says_so(robustkit: Any, small: Any, tmp_path: Path) -> None:
    said = "metric 'metrics/consistency' is for degraded cells"
    run = robustkit("eval", *small.arguments, "-m", "default", "-m", "consistency", "-o", tmp_path / "run")
    assert run.err.count(said) == 1
    assert "-p" in next(line for line in run.err.splitlines() if said in line)
    # Nobody asked for this one by name.
    assert "attack-success-rate" not in run.err
    notes = json.loads((tmp_path / "run" / "manifest.json").read_text())["notes"]
    assert sum(said in str(note) for note in notes) == 1
    curve = robustkit("eval", *small.arguments, "-m", "robust-accuracy-curve")
    assert "metric 'metrics/robust-accuracy-curve' is for attacked cells" in curve.err
    assert said not in robustkit("eval", *small.arguments, "-m", "consistency", "-p", "fog:severity=1").err


def test_equal_models_are_computed_once(robustkit: Any, small: Any, tmp_path: Path) -> None:
    twin = tmp_path / "twin.safetensors"
    shutil.copy(small.checkpoint, twin)
    checkpoint, *rest = small.arguments
    run = robustkit("eval", checkpoint, twin, *rest, "-p", "fog:severity=1", "-o", tmp_path / "run", "--json")
    name = run.json["results"][0]["model"]
    assert "stored already" not in run.err
    assert f"'{name}' and 'twin' are the same model" in run.err
    rows = {each: [row for row in run.json["results"] if row["model"] == each] for each in (name, "twin")}
    assert [row["value"] for row in rows[name]] == [row["value"] for row in rows["twin"]]
    assert len(rows["twin"]) == 2 * len(DEFAULT)
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert sum(event.get("n", 0) for event in events) == 2 * 60


def test_a_gate_may_be_on_a_metric_with_parameters(robustkit: Any, small: Any) -> None:
    counts = small.data.parent / "counts.json"
    counts.write_text('{"0": 200, "1": 50, "2": 5}')
    name = f"tail-recall:counts={counts}"
    command = ["eval", *small.arguments, "-m", name]
    assert robustkit(*command, "--fail-under", f"{name}@macro=0.1").code == 0
    failed = robustkit(*command, "--fail-under", f"{name}@macro=0.999")
    assert failed.code == 1
    assert "not 0.999 or more" in failed.err


def test_a_gate_on_a_metric_with_parts_is_on_each_and_one_on_an_invented_part_is_missed(
    robustkit: Any, small: Any
) -> None:
    counts = small.data.parent / "counts.json"
    counts.write_text('{"0": 200, "1": 50, "2": 5}')
    name = f"tail-recall:counts={counts}"
    command = ["eval", *small.arguments, "-m", name, "--json"]
    whole = robustkit(*command, "--fail-under", f"{name}=0.999")
    assert whole.code == 1
    below = [row["metric"] for row in whole.json["results"] if row["value"] is None or row["value"] < 0.999]
    assert len(below) > 1
    assert [gate["metric"] for gate in whole.json["failed_gates"]] == below
    invented = robustkit(*command, "--fail-under", f"{name}@nosuch=0.1")
    assert invented.code == 1
    assert "@nosuch', so nothing shows that it holds; its rows are metrics/tail-recall" in invented.err
    assert [gate["model"] for gate in invented.json["failed_gates"]] == [None]


def test_an_undefined_row_misses_its_gate_and_a_part_is_told_from_a_parameter() -> None:
    row = {"model": "m", "condition": "clean", "seed": 0, "metric": "metrics/a:file=x@y", "value": None}
    (missed,) = missed_gates([("a:file=x@y", 0.5)], [row])
    assert gate_text(missed, [row]) == "m · clean: metrics/a:file=x@y is undefined, not 0.5 or more"
    assert missed_gates([("a:file=x@y", 0.5)], [{**row, "value": 0.5}]) == []
    assert missed_gates([("a", 0.5)], [{**row, "value": 0.5}])[0]["model"] is None


def test_a_parameter_that_a_component_needs_is_in_the_line_to_paste(robustkit: Any, small: Any) -> None:
    assert "-m tail-recall:counts=…" in robustkit("describe", "tail-recall").out
    assert "-m ece\n" in robustkit("describe", "ece").out
    missing = robustkit("eval", *small.arguments, "-m", "tail-recall")
    missing.assert_error(2, "metric 'metrics/tail-recall' needs counts=…")
    assert "Field required" not in missing.err


def test_norms_count_as_a_curve_where_the_attack_minimises_them(robustkit: Any, small: Any) -> None:
    attacks = ["-a", "fab-t:eps=0.1,steps=5", "-a", "fab-t:eps=0.1,steps=5,minimise=false", "-a", "pgd:eps=0.1,steps=2"]
    run = robustkit("eval", *small.arguments, *attacks, "-m", "robust-accuracy-curve:eps=[0.05,0.1]", "--json")
    status = {(row["condition"], row["metric"].partition("@")[2]): row["status"] for row in run.json["results"]}
    kinds = {condition for condition, _ in status}
    assert len(kinds) == 3
    for condition in kinds:
        minimises = "fab" in condition and "minimise=true" in condition
        parts = {part: found for (text, part), found in status.items() if text == condition and part}
        assert parts["0.05"] == parts["median-norm"] == ("ok" if minimises else "unreliable"), condition
        assert parts["0.1"] == "ok"


def test_a_model_that_is_its_own_reference_says_so(robustkit: Any, small: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file({name: -each for name, each in load_file(small.checkpoint).items()}, tmp_path / "other.safetensors")
    _, *rest = small.arguments
    shutil.copy(small.checkpoint, tmp_path / "base.safetensors")
    models = [tmp_path / "base.safetensors", tmp_path / "other.safetensors"]
    metric = "utility-sensitivity:reference=base,patch=4"
    run = robustkit("eval", *models, *rest, "-m", metric, "-o", tmp_path / "run", "--json")
    with_excess = {row["model"] for row in run.json["results"] if row["metric"].endswith("@rank-correlation-excess")}
    assert with_excess == {"base"}
    assert "the model is its own reference" in run.err
