"""`robustkit eval` on a small model: results, resume, invariance, gates."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

COLUMNS = {
    "model", "dataset", "condition", "perturbation", "severity", "seed",
    "source", "metric", "value", "n", "ci_low", "ci_high", "status", "chance", "spec",
}  # fmt: skip


def read_records(run: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a run by condition and seed."""
    manifest = json.loads((run / "manifest.json").read_text())
    found = {}
    for cell in manifest["cells"]:
        files = sorted((run / "records" / cell["key"][:32]).glob("*.parquet"))
        found[f"{cell['condition']} {cell['seed']}"] = {
            name: np.concatenate([pq.read_table(file)[name].to_numpy() for file in files])
            for name in pq.read_schema(files[0]).names
        }
    return found


def tree(run: Path) -> dict[str, bytes]:
    """Return the bytes of every record and results file."""
    files = [*run.glob("records/*/*"), *run.glob("results.*")]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_json_on_stdout_is_one_object_with_the_documented_columns(robustkit: Any, small: Any) -> None:
    result = robustkit(
        "eval", *small.arguments, "-p", "gaussian-noise:severity=1..2", "-a", "pgd:eps=8/255,steps=3", "--json"
    )
    assert result.code == 0, result.err
    parsed = result.json
    assert set(parsed) == {"run", "results"}
    assert all(set(row) == COLUMNS for row in parsed["results"])
    by_perturbation: dict[str, set[Any]] = {}
    for row in parsed["results"]:
        by_perturbation.setdefault(row["perturbation"], set()).add(row["severity"])
    assert by_perturbation == {"clean": {0.0}, "corruptions/gaussian-noise": {1.0, 2.0}, "attacks/pgd": {None}}
    clean = next(
        row for row in parsed["results"] if row["condition"] == "clean" and row["metric"] == "metrics/accuracy"
    )
    assert (clean["value"], clean["n"]) == (0.9, 60)
    assert clean["ci_low"] < 0.9 < clean["ci_high"]
    attack = next(row for row in parsed["results"] if row["perturbation"] == "attacks/pgd")
    assert attack["condition"].startswith("attacks/pgd:eps=8/255,loss=ce,norm=linf,restarts=1,step-size=")


def test_the_condition_can_be_pasted_back(robustkit: Any, small: Any) -> None:
    first = robustkit("eval", *small.arguments, "-p", "gaussian_noise:severity=2.5", "--json").json["results"]
    condition = first[-1]["condition"]
    second = robustkit("eval", *small.arguments, "-p", condition, "--json").json["results"]
    assert second == first


def test_without_json_stdout_is_the_path_alone(robustkit: Any, small: Any, tmp_path: Path) -> None:
    result = robustkit("eval", *small.arguments, "--out", tmp_path / "r")
    assert result.out.strip() == str(tmp_path / "r")
    assert "accuracy" in result.err


def test_the_run_folder_says_what_was_run(robustkit: Any, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "r"
    robustkit("eval", *small.arguments, "-p", "contrast:severity=3", "--out", run)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    # "model" says less than the folder that the file is in.
    model = manifest["models"][small.checkpoint.parent.name]
    assert (model["format"], model["classes"], len(model["sha256"])) == ("safetensors", 3, 64)
    assert manifest["datasets"][manifest["cells"][0]["dataset"]]["evaluated"] == 60
    assert (run / "results.csv").read_text().splitlines()[0].startswith("model,dataset,condition,perturbation")
    shown = robustkit("show", run)
    assert shown.code == 0
    assert "contrast, severity 3" in shown.out


def test_several_checkpoints_share_one_run(robustkit: Any, small: Any, tmp_path: Path) -> None:
    (tmp_path / "copy.safetensors").write_bytes(small.checkpoint.read_bytes())
    copy = tmp_path / "copy.safetensors"
    result = robustkit("eval", copy, *small.arguments, "-m", "accuracy", "--json").json["results"]
    assert {row["model"] for row in result} == {small.checkpoint.parent.name, "copy"}
    assert len({row["value"] for row in result}) == 1


def test_what_draws_nothing_runs_under_one_seed(robustkit: Any, small: Any) -> None:
    arguments = [
        "-p",
        "contrast:severity=1",
        "-p",
        "gaussian-noise:severity=5",
        "--seed",
        "0..2",
        "-m",
        "nll",
        "--json",
    ]
    rows = robustkit("eval", *small.arguments, *arguments).json["results"]
    seeds = [(row["perturbation"], row["seed"]) for row in rows]
    noise = "corruptions/gaussian-noise"
    assert seeds == [("clean", 0), ("corruptions/contrast", 0), (noise, 0), (noise, 1), (noise, 2)]
    assert len({row["value"] for row in rows if row["perturbation"] == noise}) == 3


def test_batch_size_changes_no_perturbed_byte_and_no_prediction(robustkit: Any, small: Any, tmp_path: Path) -> None:
    conditions = ["-p", "gaussian-noise:severity=5", "-p", "gaussian-blur:severity=2", "-p", "brightness:severity=3"]
    for size in (7, 60):
        assert (
            robustkit("eval", *small.arguments, *conditions, "--batch-size", size, "-o", tmp_path / str(size)).code == 0
        )
    first, second = read_records(tmp_path / "7"), read_records(tmp_path / "60")
    assert first.keys() == second.keys()
    for condition, records in first.items():
        for exact in ("id", "label", "input_hash", "prediction"):
            assert records[exact].tolist() == second[condition][exact].tolist(), (condition, exact)
        np.testing.assert_allclose(records["nll"], second[condition]["nll"], atol=1e-5)


GROUPS = """
import robustkit, torch

class Groups:
    def run(self, model, inputs, labels, threat_model, keys):
        with open("groups", "a") as file:
            print(keys.ids.tolist(), file=file)
        n = torch.ones(len(inputs), dtype=torch.int64)
        return robustkit.AttackResult(candidates=inputs, best_loss=n.float(), queries=n, forwards=n, backwards=n)

@robustkit.hookimpl
def robustkit_attacks():
    return [robustkit.Attack(name="groups", summary="notes who is attacked together", target=lambda params: Groups())]
"""


def test_who_is_attacked_together_does_not_depend_on_the_batch_size(robustkit: Any, small: Any, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(GROUPS)
    seen = {}
    for size in (37, 60, 7):
        (tmp_path / "groups").unlink(missing_ok=True)
        command = ["eval", *small.arguments, "--include", "plugin.py", "-a", "groups:eps=0.1", "--batch-size", size]
        assert robustkit(*command).code == 0
        seen[size] = (tmp_path / "groups").read_text()
    assert seen[37] == seen[60] == seen[7]
    assert len(seen[7].splitlines()) == 1, "the control: batches of 7 would be many groups"


def test_another_seed_changes_the_perturbed_bytes(robustkit: Any, small: Any, tmp_path: Path) -> None:
    """The negative control of the test above: the comparison can fail."""
    for seed in (0, 1):
        robustkit(
            "eval", *small.arguments, "-p", "gaussian-noise:severity=5", "--seed", seed, "-o", tmp_path / str(seed)
        )
    first, second = (
        next(records for name, records in read_records(tmp_path / str(seed)).items() if "noise" in name)
        for seed in (0, 1)
    )
    assert first["input_hash"].tolist() != second["input_hash"].tolist()


def test_a_limit_keeps_the_noise_of_each_sample(robustkit: Any, small: Any, tmp_path: Path) -> None:
    robustkit("eval", *small.arguments, "-p", "gaussian-noise:severity=5", "-o", tmp_path / "all")
    robustkit("eval", *small.arguments, "-p", "gaussian-noise:severity=5", "-o", tmp_path / "some", "--limit", 10)
    whole = next(records for name, records in read_records(tmp_path / "all").items() if "noise" in name)
    part = next(records for name, records in read_records(tmp_path / "some").items() if "noise" in name)
    assert len(part["id"]) == 10
    assert part["input_hash"].tolist() == whole["input_hash"][part["id"]].tolist()


def test_resume_computes_only_what_is_missing_and_gives_the_same_bytes(
    robustkit: Any, small: Any, tmp_path: Path
) -> None:
    command = ["eval", *small.arguments, "-p", "gaussian-noise:severity=1..3", "-a", "pgd:eps=0.1,steps=2"]
    assert robustkit(*command, "-o", tmp_path / "whole").code == 0
    assert robustkit(*command, "-o", tmp_path / "torn").code == 0
    chunks = sorted((tmp_path / "torn").glob("records/*/*.parquet"))
    chunks[0].unlink()
    chunks[1].write_bytes(chunks[1].read_bytes()[:100])
    (tmp_path / "torn" / "results.csv").unlink()
    again = robustkit(*command, "-o", tmp_path / "torn", "--resume")
    assert again.code == 0
    events = [json.loads(line) for line in (tmp_path / "torn" / "events.jsonl").read_text().splitlines()]
    last = max(number for number, event in enumerate(events) if event["event"] == "started")
    assert len([event for event in events[last:] if event["event"] == "committed"]) == 2
    assert tree(tmp_path / "torn") == tree(tmp_path / "whole")


SLOW = """
import time
import robustkit

class Slow:
    def sample(self, keys, shape, severity):
        return keys.uniform(*shape)

    def apply(self, images, draws):
        time.sleep(0.2)
        return images

@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="slow", summary="waits", target=lambda params: Slow())]
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_resumes_to_the_same_bytes(
    robustkit: Any, start: Any, small: Any, tmp_path: Path, number: signal.Signals
) -> None:
    plugin = tmp_path / "slow_plugin.py"
    plugin.write_text(SLOW)
    arguments = ["eval", *small.arguments, "--include", str(plugin), "-p", "slow:severity=1..5", "--batch-size", "30"]
    assert robustkit(*arguments, "-o", tmp_path / "whole").code == 0
    killed = tmp_path / "killed"
    process = start(*arguments, "-o", killed)
    deadline = time.time() + 120
    while len(list(killed.glob("records/*/*.parquet"))) < 2 and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    stored = {path: path.stat().st_mtime_ns for path in killed.glob("records/*/*.parquet")}
    assert 2 <= len(stored) < 6
    assert json.loads((killed / "manifest.json").read_text())["status"] in ("running", "interrupted")
    assert robustkit(*arguments, "-o", killed, "--resume").code == 0
    assert tree(killed) == tree(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


def test_resume_finds_the_run_by_itself(robustkit: Any, small: Any) -> None:
    first = robustkit("eval", *small.arguments, "--json").json
    again = robustkit("eval", *small.arguments, "--json", "--resume")
    assert again.json == first
    assert "1 stored already" in again.err
    other = robustkit("eval", *small.arguments, "--limit", 9, "--json", "--resume").json
    assert other["run"] != first["run"]


def test_resume_by_folder_alone(robustkit: Any, small: Any, tmp_path: Path) -> None:
    first = robustkit("eval", *small.arguments, "--json", "-o", tmp_path / "r").json
    # The small model is a file of code, which a run folder alone may not name.
    robustkit("eval", "--resume", "-o", tmp_path / "r").assert_error(2, "--model")
    assert robustkit("eval", "--resume", "-o", tmp_path / "r", "--model", small.model, "--json").json == first


def test_a_folder_with_another_run_is_not_touched(robustkit: Any, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "r"
    robustkit("eval", *small.arguments, "-o", run)
    before = tree(run)
    robustkit("eval", *small.arguments, "-o", run).assert_error(2, "holds a run already", "--resume")
    robustkit("eval", *small.arguments, "-o", run, "--resume", "--limit", 5).assert_error(
        2, "different run: settings.limit was", "--out"
    )
    assert tree(run) == before


def test_a_gate_that_fails_exits_with_1(robustkit: Any, small: Any) -> None:
    assert robustkit("eval", *small.arguments, "--fail-under", "accuracy=0.89").code == 0
    failed = robustkit("eval", *small.arguments, "--fail-under", "accuracy=0.91")
    assert failed.code == 1
    assert "0.9, not 0.91 or more" in failed.err


def test_a_dry_run_lists_the_cells_and_writes_nothing(robustkit: Any, small: Any, tmp_path: Path) -> None:
    result = robustkit("eval", *small.arguments, "-p", "gaussian-noise", "--dry-run")
    assert len(result.out.splitlines()) == 6
    assert list(tmp_path.iterdir()) == []


def test_init_writes_a_configuration_that_runs(robustkit: Any, small: Any, tmp_path: Path) -> None:
    assert robustkit("init").code == 0
    robustkit("init").assert_error(2, "exists already")
    settings = [f"data={small.data}", f"model.0.checkpoint={small.checkpoint}", f"model.0.model={small.model}"]
    flags = [item for text in [*settings, "model.0.normalize=none"] for item in ("--set", text)]
    result = robustkit("eval", "--config", "robustkit.toml", *flags, "-m", "accuracy", "--json")
    assert result.code == 0, result.err
    assert len(result.json["results"]) == 6


def test_profile_shows_where_the_time_went_and_changes_nothing(robustkit: Any, small: Any, tmp_path: Path) -> None:
    command = ["eval", *small.arguments, "-p", "gaussian-noise:severity=1..2"]
    timed = robustkit(*command, "-o", tmp_path / "timed", "--profile", "-q")
    assert timed.code == 0
    assert timed.out.strip() == str(tmp_path / "timed")
    heading, columns, *lines = timed.err[timed.err.index("Time of this run") :].splitlines()
    assert heading.startswith("Time of this run: 3 cells (")
    assert heading.endswith("/s), 180 samples")
    assert columns.split() == ["wall", "s", "share", "CPU", "s", "samples/s"]
    shown = ["plan", "data", "perturbation", "corruptions/gaussian-noise"]
    assert [line.split()[0] for line in lines] == [
        *shown,
        "forward",
        "metrics",
        "store",
        "trust",
        "results",
        "other",
        "total",
    ]
    assert robustkit(*command, "-o", tmp_path / "plain").code == 0
    assert tree(tmp_path / "timed") == tree(tmp_path / "plain")
    as_json = robustkit(*command, "--profile", "--json")
    parsed = as_json.json
    assert set(parsed) == {"run", "results", "profile"}
    assert parsed["profile"]["samples"] == 180
    assert parsed["profile"] == json.loads((Path(tmp_path) / parsed["run"] / "manifest.json").read_text())["profile"]
    assert "Time of this run: 3 cells" in as_json.err


@pytest.mark.shared
def test_published_resnet20_reaches_its_known_accuracy(robustkit: Any, shared: Path) -> None:
    """1627 of 2,000: the number that the data's README states, computed by its authors' own code."""
    result = robustkit(
        "eval", shared / "checkpoints/resnet20-12fca82f.th", "--model", "resnet20-cifar", "--normalize", "imagenet",
        "--data", shared / "cifar10-jpeg/test.npz", "-m", "accuracy", "--json",
    )  # fmt: skip
    assert [row["value"] for row in result.json["results"]] == [0.8135]


@pytest.mark.shared
def test_published_provable_network_reaches_its_published_error(robustkit: Any, shared: Path, root: Path) -> None:
    """Wong and Kolter (2018) state an error of 21.73 % on the 10,000 test images."""
    network = f"{root / 'scripts/certification/wong_kolter.py'}:build"
    result = robustkit(
        "eval", shared / "checkpoints/fashion_mnist_provable.pth", "--model", network,
        "--data", shared / "fashion-mnist", "-m", "accuracy", "--json",
    )  # fmt: skip
    assert [(row["value"], row["n"]) for row in result.json["results"]] == [(0.7827, 10_000)]
    assert "no --normalize was given" in result.err


def test_show_tells_what_is_to_be_said_of_a_model(robustkit: Any, small: Any, tmp_path: Path) -> None:
    assert robustkit("eval", *small.arguments, "-o", "r").code == 0
    assert "note: model 'small0': no --normalize was given" in robustkit("show", "r").out


def test_show_tells_what_is_to_be_said_of_an_attack_once(robustkit: Any, small: Any, tmp_path: Path) -> None:
    asked = ("-a", "standard:eps=[1/255,2/255],steps=1,queries=1", "--limit", 4, "--trust-samples", 0)
    assert robustkit("eval", *small.arguments, *asked, "-o", "r").code == 0
    assert robustkit("show", "r").out.count("attacks/standard: AutoAttack-style") == 1


def test_show_says_equal_notes_once_and_of_which_cell_a_single_one_is(
    robustkit: Any, small: Any, tmp_path: Path
) -> None:
    for metric, cells, folder in (("linear-probe:folds=30", "(2 cells)", "several"), ("worst-class", "clean)", "one")):
        asked = ("-m", metric, *(("-p", "contrast:severity=3") if folder == "several" else ()))
        assert robustkit("eval", *small.arguments, *asked, "--limit", 12, "-o", folder).code == 0
        notes = [line for line in robustkit("show", folder).out.splitlines() if f"note: metrics/{metric}" in line]
        assert [line.endswith(cells) for line in notes] == [True]
