"""Code that is not ours and misbehaves: it must not change other results, speak on stdout, or end the run unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HEADER = "import robustkit, sys, torch\n"


def plugin(folder: Path, code: str) -> Path:
    path = folder / "rough.py"
    path.write_text(HEADER + code)
    return path


def values(result: Any, metric: str = "metrics/accuracy") -> dict[str, float]:
    return {row["condition"].partition(":")[0]: row["value"] for row in result["results"] if row["metric"] == metric}


def test_a_checkpoint_cannot_name_code_that_is_then_run(robustkit: Any, small: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "evil.py").write_text("open('ran', 'w')\ndef build():\n    raise SystemExit\n")
    for stated in (f"{tmp_path / 'evil.py'}:build", "evil:build"):
        save_file(load_file(small.checkpoint), tmp_path / "m.safetensors", metadata={"robustkit.model": stated})
        robustkit("eval", tmp_path / "m.safetensors", "--data", small.data).assert_error(2, "no registered", "--model")
    assert not (tmp_path / "ran").exists()


def test_what_a_run_folder_says_of_trust_is_not_obeyed(robustkit: Any, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "r"
    assert robustkit("eval", *small.arguments, "--trust-pickle", "-o", run).code == 0
    text = (run / "config.toml").read_text()
    assert "trust_pickle" not in text
    assert "include" not in text
    evil = tmp_path / "evil.py"
    evil.write_text("open('ran', 'w')\n")
    (run / "config.toml").write_text(f'trust_pickle = true\ninclude = ["{evil}"]\n{text}')
    assert robustkit("eval", "--resume", "-o", run, "--model", small.model).code == 0
    assert not (tmp_path / "ran").exists()


METRICS = """
def raises(params):
    return lambda records: 1 / 0
def leaves(params):
    return lambda records: sys.exit(0)
def meddles(params):
    def compute(records):
        records["prediction"][:] = records["label"]
        return robustkit.Estimate(value=1.0, n=1)
    return compute
def undefined(params):
    return lambda records: robustkit.Estimate(value=float("nan"), n=len(records["id"]))
def nothing(params):
    return lambda records: None

@robustkit.hookimpl
def robustkit_metrics():
    found = [raises, leaves, meddles, undefined, nothing]
    return [robustkit.Metric(name=f.__name__, summary="", target=f, higher_is_better=True) for f in found]
"""


def test_metrics_that_misbehave_cost_no_other_row(robustkit: Any, small: Any, tmp_path: Path) -> None:
    names = ["raises", "leaves", "meddles", "nothing", "undefined", "accuracy"]
    flags = [item for name in names for item in ("-m", name)]
    result = robustkit("eval", *small.arguments, "--include", plugin(tmp_path, METRICS), *flags, "--json")
    assert result.code == 4
    assert values(result.json) == {"clean": 0.9}
    assert not values(result.json, "rough/undefined")
    assert len(result.json["failures"]) == 5
    assert "NaN" not in result.out


LOUD = """
print("loading")
class Loud:
    def sample(self, keys, shape, severity):
        print("sampling")
    def apply(self, images, draws):
        images.zero_()
        return images
@robustkit.hookimpl
def robustkit_perturbations():
    print("declaring")
    return [robustkit.Perturbation(name="loud", summary="", target=lambda params: Loud())]
"""


def test_what_plugins_print_does_not_reach_stdout(robustkit: Any, small: Any, tmp_path: Path) -> None:
    path = plugin(tmp_path, LOUD)
    assert "rough/loud" in [
        entry["name"] for entry in robustkit("list", "--json", "--include", path).json["components"]
    ]
    result = robustkit("eval", *small.arguments, "--include", path, "-p", "loud:severity=1", "--json")
    assert result.json["results"]
    assert "sampling" in result.err


DATASET = """
import numpy as np
class Data:
    def __init__(self, params):
        rng = np.random.default_rng(0)
        self.images = rng.random((60, 1, 8, 8)).astype(np.float32)
        self.labels = rng.integers(0, 3, 60)
        self.view = robustkit.View(channels=1, height=8, width=8)
        self.class_names = ()
    def read(self, ids):
        return self.images[ids[0]:ids[-1] + 1]
    def fingerprint(self):
        return "0" * 64
class Blank:
    def sample(self, keys, shape, severity):
        pass
    def apply(self, images, draws):
        return images.zero_()
@robustkit.hookimpl
def robustkit_datasets():
    return [robustkit.Dataset(name="aliased", summary="", target=Data)]
@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="blank", summary="", target=lambda params: Blank())]
"""


def test_a_perturbation_that_writes_into_its_input_reaches_no_other_condition(
    robustkit: Any, small: Any, tmp_path: Path
) -> None:
    command = ["eval", small.checkpoint, "--model", small.model, "--data", "rough/aliased", "-m", "accuracy", "--json"]
    command += ["--include", plugin(tmp_path, DATASET)]
    alone = robustkit(*command, "-p", "contrast:severity=3").json
    after = robustkit(*command, "-p", "blank:severity=1", "-p", "contrast:severity=3").json
    assert values(after)["corruptions/contrast"] == values(alone)["corruptions/contrast"]


def test_another_split_than_the_dataset_has_is_refused(robustkit: Any, small: Any, tmp_path: Path) -> None:
    command = ["eval", small.checkpoint, "--model", small.model, "--data", "rough/aliased"]
    robustkit(*command, "--include", plugin(tmp_path, DATASET), "--split", "train").assert_error(2, "split")


@pytest.mark.parametrize("place", ["forward", "apply"])
def test_sys_exit_in_foreign_code_is_a_failed_cell_not_success(
    robustkit: Any, small: Any, tmp_path: Path, place: str
) -> None:
    if place == "apply":
        code = LOUD.replace("images.zero_()", "sys.exit(0)")
        path = plugin(tmp_path, code)
        result = robustkit("eval", *small.arguments, "--include", path, "-p", "loud:severity=1", "--json")
        assert result.code == 4
        assert "SystemExit" in result.json["failures"][0]["error"]
    else:
        net = tmp_path / "net.py"
        net.write_text(
            "import sys\nfrom torch import nn\n"
            "class Net(nn.Sequential):\n    def forward(self, x):\n        sys.exit(0)\n"
            "def build():\n    return Net(nn.Flatten(), nn.Linear(64, 3))\n"
        )
        command = ["eval", small.checkpoint, "--model", f"{net}:build", "--data", small.data]
        robustkit(*command).assert_error(3, "sys.exit")


def test_a_seed_given_twice_counts_once(robustkit: Any, small: Any) -> None:
    rows = robustkit("eval", *small.arguments, "--seed", "0,0", "-p", "gaussian-noise:severity=1", "--json").json[
        "results"
    ]
    assert {row["n"] for row in rows} == {60}
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("gate", "expected"), [("acuracy=0.5", "accuracy"), ("nll=0.5", "more is not better"), ("ece", "METRIC=VALUE")]
)
def test_a_gate_that_means_nothing_is_refused_before_anything_is_computed(
    robustkit: Any, small: Any, tmp_path: Path, gate: str, expected: str
) -> None:
    robustkit("eval", *small.arguments, "--fail-under", gate).assert_error(2, expected)
    assert not (tmp_path / "runs").exists()


def test_a_failed_gate_is_in_the_json(robustkit: Any, small: Any) -> None:
    result = robustkit("eval", *small.arguments, "--fail-under", "accuracy=0.95", "--json")
    assert result.code == 1
    assert [gate["value"] for gate in result.json["failed_gates"]] == [0.9]


def test_a_reader_that_leaves_is_no_failure(small: Any, start: Any) -> None:
    process = start("list")
    process.stdout.close()
    with process.stderr:
        assert process.wait(timeout=60) == 0


def test_control_characters_do_not_reach_the_terminal(robustkit: Any, small: Any) -> None:
    result = robustkit("eval", *small.arguments, "-p", "fog\x1b[31m\nrobustkit - error - fake")
    result.assert_error(2, "unknown perturbation")
    assert "\x1b" not in result.err


@pytest.mark.parametrize(
    "manifest", ["{}", "3", '{"schema": 1}', '{"schema": 99}', '{"schema": 1, "status": "finished", "datasets": []}']
)
def test_show_of_a_foreign_manifest(robustkit: Any, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    robustkit("show", tmp_path).assert_error(2, "manifest")


def test_a_path_that_is_too_long(robustkit: Any, small: Any) -> None:
    result = robustkit("eval", "x" * 300, "--model", small.model, "--data", small.data)
    assert result.code in (2, 3)
    result.assert_error(result.code, "hint")


def test_failed_cells_point_to_their_tracebacks(robustkit: Any, small: Any, tmp_path: Path) -> None:
    code = LOUD.replace("images.zero_()", "1 / 0")
    result = robustkit(
        "eval", *small.arguments, "--include", plugin(tmp_path, code), "-p", "loud:severity=1", "-o", "r"
    )
    assert "(rough.py, line" in result.err
    events = [json.loads(line) for line in (tmp_path / "r" / "events.jsonl").read_text().splitlines()]
    assert any("Traceback" in event.get("details", "") for event in events)
