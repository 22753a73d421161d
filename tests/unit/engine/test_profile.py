"""The profile of a run: its sections add up, each is charged with what it does, and no result changes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from robustkit.engine.timer import SECTIONS
from robustkit.evaluation import Evaluation, evaluate

WAIT = 0.05

PLUGIN = f"""
import time
import numpy as np
import robustkit
import torch


class Slow:
    def __init__(self, params):
        pass

    def sample(self, keys, shape, severity):
        time.sleep({WAIT})

    def apply(self, images, draws):
        return images


class SlowAttack:
    def __init__(self, params):
        pass

    def run(self, model, inputs, labels, threat_model, keys):
        time.sleep({WAIT})
        n = torch.ones(len(inputs), dtype=torch.int64)
        return robustkit.AttackResult(candidates=inputs, best_loss=n.float(), queries=n, forwards=n, backwards=n)


class SlowMetric:
    def __init__(self, params):
        pass

    def measure(self, batch):
        time.sleep({WAIT})
        return {{"n": np.array(1.0)}}

    def merge(self, states):
        return states[0]

    def estimate(self, chunks):
        time.sleep({WAIT})
        return robustkit.Estimate(value=1.0, n=1)


@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="slow", summary="waits", target=Slow)]


@robustkit.hookimpl
def robustkit_attacks():
    return [robustkit.Attack(name="slow-attack", summary="waits", target=SlowAttack)]


@robustkit.hookimpl
def robustkit_metrics():
    facts = {{"higher_is_better": True, "needs": frozenset({{"model"}})}}
    return [robustkit.Metric(name="slow-metric", summary="waits", target=SlowMetric, **facts)]
"""


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """30 images clean, under two perturbations, and attacked: 15 a batch."""
    from robustkit_zoo.assets import ASSETS

    (tmp_path / "waiting.py").write_text(PLUGIN)
    return {
        "model": [{"checkpoint": str(ASSETS / "checkpoints" / "fashion-cnn-standard-seed0.safetensors"), "name": "m"}],
        "data": "zoo/fashion-mnist-mini",
        "limit": 30,
        "batch_size": 15,
        "perturbation": ["slow:severity=[1,2]", "contrast:severity=1"],
        "attack": ["slow-attack:eps=0.1"],
        "metric": ["accuracy", "slow-metric"],
        "include": [str(tmp_path / "waiting.py")],
        "device": "cpu",
    }


def profile_of(done: Evaluation) -> dict[str, Any]:
    assert done.profile is not None
    assert not done.failures
    return done.profile


def test_sections_add_up_and_each_is_charged_with_what_it_does(config: dict[str, Any], tmp_path: Path) -> None:
    start = time.perf_counter()
    profile = profile_of(evaluate(config, out=tmp_path / "run", profile=True))
    passed = time.perf_counter() - start
    sections = profile["sections"]
    assert tuple(sections) == SECTIONS
    for kind in ("wall_s", "cpu_s"):
        assert sum(spent[kind] for spent in sections.values()) == pytest.approx(profile[kind], abs=1e-4)
        assert all(spent[kind] > 0 for spent in sections.values())
    assert profile["wall_s"] <= passed
    # 5 conditions of 2 batches, but for the attack, whose batches are larger; what waits is charged with the waiting.
    batches = {"perturbation": 4, "attack": 1, "metrics": 9, "results": 5}
    for name, count in batches.items():
        assert sections[name]["wall_s"] >= count * WAIT, name
    assert sections["attack"]["cpu_s"] < sections["attack"]["wall_s"], "sleeping is not computing"


def test_samples_and_parts_are_counted(config: dict[str, Any], tmp_path: Path) -> None:
    profile = profile_of(evaluate(config, out=tmp_path / "run", profile=True))
    sections = profile["sections"]
    assert (profile["cells"], profile["samples"]) == (5, 150)
    assert profile["samples_per_s"] == pytest.approx(150 / profile["wall_s"], rel=1e-3)
    assert profile["cells_per_s"] == pytest.approx(5 / profile["wall_s"], rel=1e-3)
    counted = {name: spent["samples"] for name, spent in sections.items() if spent["samples"]}
    assert counted == {"data": 150, "perturbation": 90, "attack": 30, "forward": 150}
    parts = {part: spent["samples"] for part, spent in sections["perturbation"]["parts"].items()}
    assert parts == {"waiting/slow": 60, "corruptions/contrast": 30}
    assert list(sections["attack"]["parts"]) == ["waiting/slow-attack"]


def test_it_is_in_the_manifest_and_changes_no_key_and_no_result(config: dict[str, Any], tmp_path: Path) -> None:
    timed = evaluate(config, out=tmp_path / "timed", profile=True)
    plain = evaluate(config, out=tmp_path / "plain")
    assert plain.profile is None
    after, before = (done.folder.read_manifest() for done in (timed, plain))
    assert after["profile"] == timed.profile
    assert "profile" not in before
    for key in ("cells", "identity", "identity_digest", "config", "conditions", "metrics"):
        assert after[key] == before[key]
    assert results(tmp_path / "timed") == results(tmp_path / "plain")


def results(run: Path) -> dict[str, bytes]:
    files = [path for folder in ("records", "measures") for path in (run / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in [*files, *run.glob("results.*")]}


def test_a_resumed_run_profiles_what_it_computed(config: dict[str, Any], tmp_path: Path) -> None:
    evaluate(config, out=tmp_path / "run")
    records = tmp_path / "run" / "records"
    cells = {cell["condition"].partition(":")[0]: cell["key"] for cell in manifest(tmp_path / "run")["cells"]}
    (records / cells["corruptions/contrast"][:32] / "00000.parquet").unlink()
    profile = profile_of(evaluate(config, out=tmp_path / "run", resume=True, profile=True))
    assert (profile["cells"], profile["samples"]) == (1, 30)
    assert list(profile["sections"]["perturbation"]["parts"]) == ["corruptions/contrast"]
    assert profile["sections"]["attack"] == {"wall_s": 0.0, "cpu_s": 0.0, "samples": 0}
    nothing = profile_of(evaluate(config, out=tmp_path / "run", resume=True, profile=True))
    assert (nothing["cells"], nothing["samples"], nothing["sections"]["forward"]["wall_s"]) == (0, 0, 0.0)
    assert manifest(tmp_path / "run")["profile"] == nothing


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return found


def test_texts_too(tmp_path: Path) -> None:
    from robustkit_zoo.assets import ASSETS

    config = {
        "model": str(next((ASSETS / "checkpoints").glob("debian-*.safetensors"))),
        "data": "zoo/debian-sections",
        "limit": 20,
        "perturbation": ["keyboard:severity=5"],
        "metric": ["accuracy"],
        "device": "cpu",
    }
    sections = profile_of(evaluate(config, out=tmp_path / "run", profile=True))["sections"]
    assert sections["perturbation"]["parts"]["textnoise/keyboard"]["samples"] == 20
    assert all(sections[name]["wall_s"] > 0 for name in SECTIONS if name != "attack")


@pytest.mark.gpu
def test_on_a_gpu_sections_add_up_and_no_result_changes(config: dict[str, Any], tmp_path: Path) -> None:
    config["device"] = "cuda"
    profile = profile_of(evaluate(config, out=tmp_path / "timed", profile=True))
    assert sum(spent["wall_s"] for spent in profile["sections"].values()) == pytest.approx(profile["wall_s"], abs=1e-4)
    assert all(spent["wall_s"] > 0 for spent in profile["sections"].values())
    evaluate(config, out=tmp_path / "plain")
    assert results(tmp_path / "timed") == results(tmp_path / "plain")
