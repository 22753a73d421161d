"""Metrics that need the model: what they are handed, what is stored, what becomes of one that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.analysis.aggregate import results_table
from robustkit.engine.classifier import Classifier
from robustkit.errors import ConfigError, PluginError
from robustkit.evaluation import evaluate
from robustkit.store import RunFolder

PLUGIN = '''
import numpy as np
import torch
import robustkit


class MeanLogit:
    """Mean of the highest logit: a value a sample."""

    def __init__(self, params):
        pass

    def measure(self, batch):
        with torch.no_grad():
            return {"top": batch.model(batch.inputs).amax(dim=1).double().cpu().numpy()}

    def merge(self, states):
        return {"top": np.concatenate([state["top"] for state in states])}

    def estimate(self, chunks):
        top = np.concatenate([chunk["top"] for chunk in chunks])
        return robustkit.Estimate(value=float(top.mean()), n=len(top), note="only a test")


@robustkit.params
class DriftParams:
    layers: tuple[str, ...] = ()


class Drift:
    """Mean absolute change of each layer: a sum a layer."""

    def __init__(self, params):
        self.layers = params.layers

    def measure(self, batch):
        n = len(batch.labels)
        change = {name: batch.features[name] - batch.clean_features[name] for name in batch.features}
        return {"n": np.array(float(n)), **{k: np.array(n * float(v.abs().double().mean())) for k, v in change.items()}}

    def merge(self, states):
        return {key: np.sum([state[key] for state in states], axis=0) for key in states[0]}

    def estimate(self, chunks):
        total = self.merge(chunks)
        n = total.pop("n")
        return {name: robustkit.Estimate(value=float(value / n), n=int(n)) for name, value in total.items()}


@robustkit.params
class SideParams:
    side: int


def resolve_side(params, shape):
    if params.side > shape[1]:
        raise robustkit.ConfigError(f"{params.side} is too much for {shape}", "take less")
    return SideParams(side=params.side or shape[1])


@robustkit.params
class BesideParams:
    reference: str = ""


class Beside:
    """Mean absolute difference of a layer's features to those of a second model, and how often labels agree."""

    layers = ("conv1",)

    def __init__(self, params):
        self.reference = params.reference

    def measure(self, batch):
        assert (batch.reference is None) == (not self.reference)
        other = batch.reference_features["conv1"]
        agree = (batch.reference(batch.inputs).argmax(1) == batch.reference_labels).double().mean()
        return {
            "change": np.array(float((batch.features["conv1"] - other).abs().double().mean())),
            "agree": np.array(float(agree)),
        }

    def merge(self, states):
        return {key: np.mean([state[key] for state in states], axis=0) for key in states[0]}

    def estimate(self, chunks):
        total = self.merge(chunks)
        return {key: robustkit.Estimate(value=float(each), n=1) for key, each in total.items()}


class Frugal(MeanLogit):
    """Cannot hold the states of many batches at once."""

    def merge(self, states):
        assert len(states) <= 6, f"{len(states)} states are held"
        return super().merge(states)


class Spoiling(MeanLogit):
    """Fails on every batch, after writing into what it was handed."""

    def measure(self, batch):
        batch.inputs.zero_()
        batch.labels.zero_()
        raise ValueError("boom")


class TopLogit(MeanLogit):
    """The same from the forward pass of the records."""

    def measure(self, batch):
        return {"top": batch.logits.amax(dim=1).double().cpu().numpy()}


class Undeclared(MeanLogit):
    """Calls the model that it has not declared."""


class LogitVandal(TopLogit):
    def measure(self, batch):
        found = super().measure(batch)
        batch.logits.zero_()
        return found


class Agreement:
    """Share of samples whose prediction is that on the clean input."""

    def __init__(self, params):
        pass

    def __call__(self, records):
        same = records["prediction"] == records["clean_prediction"]
        return robustkit.Estimate(value=float(same.mean()), n=len(same))


class Vandal(Drift):
    """Writes into all that it is handed."""

    def measure(self, batch):
        for value in [*batch.model.parameters(), *batch.features.values(), *batch.clean_features.values()]:
            value.data.zero_()
        return {"n": np.array(float(len(batch.labels)))}

    def estimate(self, chunks):
        return robustkit.Estimate(value=0.0, n=1)


@robustkit.hookimpl
def robustkit_metrics():
    def declare(name, target, *needs, **more):
        return robustkit.Metric(
            name=name, summary="s", target=target, higher_is_better=None, needs=frozenset(needs), **more
        )

    return [
        declare("a-spoiler", Spoiling, "model"),
        declare("mean-logit", MeanLogit, "model", on="clean"),
        declare("frugal", Frugal, "model", on="clean"),
        declare("drift", Drift, "features", params=DriftParams, on="degraded"),
        declare("a-vandal", Vandal, "features", params=DriftParams),
        declare("beside", Beside, "features", params=BesideParams),
        declare("picky", MeanLogit, "model", params=SideParams, resolve=resolve_side),
        declare("telepathic", Drift, "telepathy"),
        declare("top-logit", TopLogit, "logits"),
        declare("a-logit-vandal", LogitVandal, "logits"),
        declare("undeclared", Undeclared, "logits"),
        declare("agreement", Agreement, "records", "clean", on="degraded"),
        declare("wordy", MeanLogit, "model", modality="text"),
    ]
'''
CHECKPOINTS = Path(__file__).resolve().parents[3] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "my_lab.py").write_text(PLUGIN)
    return {
        "model": [{"checkpoint": str(sorted(CHECKPOINTS.glob("fashion-*.safetensors"))[0]), "name": "m"}],
        "data": "zoo/fashion-mnist-mini",
        "limit": 40,
        "perturbation": ["gaussian-noise:severity=3"],
        "metric": ["accuracy", "mean-logit", "drift:layers=[conv1,linear]"],
        "include": [str(tmp_path / "my_lab.py")],
        "device": "cpu",
    }


def values(rows: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    return {(row["condition"].partition(":")[0], row["metric"].partition("/")[2]): row["value"] for row in rows}


def test_each_is_computed_on_its_kind_of_cell(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate(config, out=tmp_path / "run")
    found = values(done.rows)
    drift = "drift:layers=[conv1,linear]"
    assert not done.failures
    assert set(found) == {
        ("clean", "accuracy"),
        ("clean", "mean-logit"),
        ("corruptions/gaussian-noise", "accuracy"),
        ("corruptions/gaussian-noise", f"{drift}@conv1"),
        ("corruptions/gaussian-noise", f"{drift}@linear"),
    }
    assert found["corruptions/gaussian-noise", f"{drift}@conv1"] > 0
    assert not done.failures
    assert done.folder.read_manifest()["notes"] == [
        {"model": "m", "condition": "clean", "seed": 0, "metric": "my-lab/mean-logit", "note": "only a test"}
    ]


def test_features_of_the_unchanged_input_do_not_drift(config: dict[str, Any], tmp_path: Path) -> None:
    config["perturbation"] = ["gaussian-noise:severity=0"]
    found = values(evaluate(config, out=tmp_path / "run").rows)
    assert found["corruptions/gaussian-noise", "drift:layers=[conv1,linear]@linear"] == 0


@pytest.mark.parametrize("size", [1, 7])
def test_the_batch_size_does_not_matter(config: dict[str, Any], tmp_path: Path, size: int) -> None:
    whole = values(evaluate(config, out=tmp_path / "whole").rows)
    parts = values(evaluate({**config, "batch_size": size}, out=tmp_path / "parts").rows)
    assert parts == pytest.approx(whole, rel=1e-5)


def test_few_states_are_held_however_many_batches_there_are(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate({**config, "metric": ["mean-logit", "frugal"], "batch_size": 1}, out=tmp_path / "run")
    found = values(done.rows)
    assert not done.failures
    assert found["clean", "frugal"] == found["clean", "mean-logit"]


def test_one_that_fails_costs_only_its_own_rows(config: dict[str, Any], tmp_path: Path) -> None:
    alone = values(evaluate(config, out=tmp_path / "alone").rows)
    config["metric"] = ["a-spoiler", *config["metric"]]
    done = evaluate(config, out=tmp_path / "run")
    assert values(done.rows) == alone
    assert [failure["error"] for failure in done.failures] == [
        "metric my-lab/a-spoiler: ValueError: boom (my_lab.py, line 105)"
    ] * 2


def test_one_that_writes_into_what_it_is_handed_changes_no_other_result(config: dict[str, Any], tmp_path: Path) -> None:
    alone = values(evaluate(config, out=tmp_path / "alone").rows)
    config["metric"] = ["a-vandal", *config["metric"]]
    beside = values(evaluate(config, out=tmp_path / "run").rows)
    assert {key: value for key, value in beside.items() if key[1] != "a-vandal"} == alone


def test_logits_come_from_the_forward_pass_that_there_is(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []
    forward = Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda self, inputs: passes.append(len(inputs)) or forward(self, inputs))

    def count(*metrics: str) -> int:
        passes.clear()
        found = values(evaluate({**config, "metric": list(metrics)}, out=tmp_path / "-".join(metrics)).rows)
        assert found["clean", "accuracy"] > 0
        return len(passes)

    alone = count("accuracy")
    assert count("accuracy", "top-logit", "a-logit-vandal") == alone
    assert count("accuracy", "mean-logit") == alone + 1


def test_logits_are_those_of_the_model_whatever_another_metric_does_to_them(
    config: dict[str, Any], tmp_path: Path
) -> None:
    config["metric"] = ["a-logit-vandal", "top-logit", "mean-logit"]
    found = values(evaluate(config, out=tmp_path / "run").rows)
    assert found["clean", "top-logit"] == found["clean", "mean-logit"] == found["clean", "a-logit-vandal"]


def test_a_metric_of_logits_that_calls_the_model_is_told_to_declare_it(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate({**config, "metric": ["accuracy", "undeclared"]}, out=tmp_path / "run")
    assert len(done.failures) == 2
    assert "it calls the model, which it does not declare" in done.failures[0]["error"]


def test_records_are_handed_out_with_those_of_the_clean_samples(config: dict[str, Any], tmp_path: Path) -> None:
    config |= {"metric": ["agreement"], "attack": ["fgsm:eps=0.1"], "seed": [1, 2]}
    done = evaluate(config, out=tmp_path / "run")
    manifest = done.folder.read_manifest()
    records = {
        (cell["condition"], cell["seed"]): done.folder.read_cell(cell["key"], manifest["chunks"])
        for cell in manifest["cells"]
    }
    clean = records.pop(("clean", 1))
    expected = {key: float((each["prediction"] == clean["prediction"]).mean()) for key, each in records.items()}
    assert {(row["condition"], row["seed"]): row["value"] for row in done.rows} == expected
    assert min(expected.values()) < 1


def test_the_manifest_says_how_the_interval_of_each_part_was_made(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate({**config, "metric": ["accuracy", "worst-class"]}, out=tmp_path / "run")
    facts = done.folder.read_manifest()["metrics"]
    assert facts["metrics/accuracy"]["interval"] == "wilson"
    assert "part_intervals" not in facts["metrics/accuracy"]
    said = facts["metrics/worst-class"]["part_intervals"]
    assert (said["worst"], said["average-of-classes"], said["class=0"]) == ("wilson-simultaneous", "mover", "wilson")


def test_without_the_clean_cell_a_metric_that_needs_it_says_so(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate({**config, "metric": ["accuracy", "agreement"]}, out=tmp_path / "run")
    manifest = done.folder.read_manifest()
    manifest["cells"] = [cell for cell in manifest["cells"] if cell["condition"] != "clean"]
    found = results_table(done.folder, manifest, {"metrics/accuracy": len, "my-lab/agreement": len}, {})
    assert "expected records of the clean samples of m, got none" in [each["error"] for each in found.failures][-1]


def test_a_checkpoint_cannot_write_to_the_terminal(config: dict[str, Any], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    stated = {"caveat": "x\x1b]0;owned\x07y", "trainer": 7, "seed": "one", "group": "g\nh"}
    metadata = {"robustkit.model": "zoo/small-cnn", "robustkit.training": json.dumps(stated)}
    save_file(load_file(config["model"][0]["checkpoint"]), tmp_path / "hostile.safetensors", metadata=metadata)
    config["model"] = [str(tmp_path / "hostile.safetensors")]
    model = next(iter(evaluate(config, out=tmp_path / "run").folder.read_manifest()["models"].values()))
    assert model["training"] == {"caveat": "x ]0;owned y", "group": "g h"}


def test_a_metric_that_is_added_to_a_finished_run_is_measured_and_then_kept(
    config: dict[str, Any], tmp_path: Path
) -> None:
    plain = evaluate({**config, "metric": ["accuracy"]}, out=tmp_path / "run")
    assert plain.outcome.computed == 2
    more = evaluate(config, out=tmp_path / "run", resume=True)
    assert (more.outcome.computed, more.outcome.reused) == (2, 0)
    again = evaluate(config, out=tmp_path / "run", resume=True)
    assert (again.outcome.computed, again.outcome.reused) == (0, 2)
    assert again.rows == more.rows


def test_a_damaged_state_is_measured_again(config: dict[str, Any], tmp_path: Path) -> None:
    first = evaluate(config, out=tmp_path / "run")
    state = next((tmp_path / "run" / "measures").rglob("*.safetensors"))
    content = bytearray(state.read_bytes())
    content[-3] ^= 1
    state.write_bytes(content)
    again = evaluate(config, out=tmp_path / "run", resume=True)
    assert again.outcome.computed == 1
    assert again.rows == first.rows


def test_an_unknown_layer_is_named_before_anything_is_computed(config: dict[str, Any], tmp_path: Path) -> None:
    config["metric"] = ["drift:layers=[conv11]"]
    with pytest.raises(ConfigError, match="no layer of SmallCnn matches 'conv11'") as raised:
        evaluate(config, out=tmp_path / "run")
    assert "conv1" in raised.value.hint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("utility-sensitivity:patch=28", "images of 28x28 have one patch of 28x28"),
        ("picky:side=99", "99 is too much for (1, 28, 28)"),
    ],
)
def test_what_does_not_go_with_the_images_is_refused_before_anything_is_computed(
    config: dict[str, Any], tmp_path: Path, metric: str, message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        evaluate({**config, "metric": [metric]}, out=tmp_path / "run")
    assert message in raised.value.message
    assert not (tmp_path / "run").exists()


def test_what_depends_on_the_images_is_part_of_the_name(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate({**config, "metric": ["picky:side=0"]}, out=tmp_path / "run")
    assert {row["metric"] for row in done.rows} == {"my-lab/picky:side=28"}


def test_a_name_tells_what_is_not_at_its_default_and_the_manifest_tells_all(
    config: dict[str, Any], tmp_path: Path
) -> None:
    metrics = ["drift:layers=[conv1]", "drift", "drift:layers=[]"]
    done = evaluate({**config, "metric": metrics}, out=tmp_path / "run")
    assert {row["metric"].partition("@")[0] for row in done.rows} == {"my-lab/drift:layers=[conv1]", "my-lab/drift"}
    stated = json.loads((tmp_path / "run/manifest.json").read_text())["metrics"]
    assert {name: facts["identity"] for name, facts in stated.items()} == {
        "my-lab/drift:layers=[conv1]": "my-lab/drift:layers=[conv1]",
        "my-lab/drift": "my-lab/drift:layers=[]",
    }


def beside(config: dict[str, Any], reference: str) -> dict[str, Any]:
    second = {"checkpoint": str(sorted(CHECKPOINTS.glob("fashion-*.safetensors"))[1]), "name": "other"}
    extra = {"metric": ["accuracy", f"beside:reference={reference}"], "perturbation": []}
    return {**config, **extra, "model": [*config["model"], second]}


def test_a_metric_sees_a_second_model_of_the_run(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate(beside(config, "other"), out=tmp_path / "run")
    assert not done.failures
    found = {(row["model"], row["metric"].partition("@")[2]): row["value"] for row in done.rows}
    assert found["m", "change"] > 0
    assert found["other", "change"] == 0  # of the model beside itself
    assert found["m", "agree"] == found["other", "agree"] == found["other", ""]  # the accuracy of the second model
    keys = {cell["measures"]["my-lab/beside:reference=other"] for cell in done.folder.read_manifest()["cells"]}
    again = evaluate(beside(config, "m"), out=tmp_path / "again")
    assert keys.isdisjoint(
        cell["measures"]["my-lab/beside:reference=m"] for cell in again.folder.read_manifest()["cells"]
    )


def test_an_unknown_second_model_is_named_before_anything_is_computed(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model of this run is called 'othre'") as raised:
        evaluate(beside(config, "othre"), out=tmp_path / "run")
    assert "did you mean 'other'" in raised.value.hint
    assert not (tmp_path / "run").exists()


def test_a_layer_may_have_a_number_for_a_name(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no layer of SmallCnn matches '1'"):
        evaluate({**config, "metric": ["utility-sensitivity:layer=1"]}, out=tmp_path / "run")


def test_needs_and_modality_are_checked(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="needs telepathy"):
        evaluate({**config, "metric": ["telepathic"]}, out=tmp_path / "run")
    with pytest.raises(ConfigError, match="is for text data, these are image data"):
        evaluate({**config, "metric": ["wordy"]}, out=tmp_path / "run")


def test_states_are_stamped_with_what_they_are_of(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_measure("a" * 64, 0, {"x": np.arange(3.0)})
    assert folder.has_measure("a" * 64, 0)
    assert not folder.has_measure("a" * 63 + "b", 0)
    folder.measure_path("a" * 64, 1).write_bytes(folder.measure_path("a" * 64, 0).read_bytes())
    assert not folder.has_measure("a" * 64, 1)
    header = folder.measure_path("a" * 64, 0).read_bytes()
    assert json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"].keys() == {"robustkit"}
