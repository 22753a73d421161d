"""`robustkit.train`: what it writes, what it selects, and that nothing else decides the weights."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import robustkit
from robustkit.config.toml import read_toml
from robustkit.config.training import parse_training
from robustkit.errors import RobustkitError
from robustkit.host import load_host
from robustkit.training.plan import make_plan


class Watch:
    """Writes down what an observer is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[int, int]] = []
        self.selected: list[bool] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)

    def started(self, epochs: int, steps: int, done: int) -> None:
        self.begun = (epochs, steps, done)

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        self.steps.append((epoch, step))

    def validated(self, row: Any, selected: bool) -> None:
        self.selected.append(selected)

    def finished(self) -> None:
        self.over = True


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def test_a_training_learns_and_says_what_it_did(lab: Any, tmp_path: Path) -> None:
    watch = Watch()
    done = robustkit.train(
        lab.config(trainer="lab/careful:noise=0.02", epochs=8, lr=0.05, validation=0.2), out=tmp_path, observer=watch
    )
    assert done.model == tmp_path / "model.safetensors"
    assert done.computed == 8
    first, last = done.history[0], done.history[-1]
    assert last["loss"] < 0.5 * first["loss"]
    best = max(done.history, key=lambda row: row["validation_correct"])
    assert done.selected_epoch == best["epoch"]
    assert best["validation_correct"] >= 10  # of 12; chance is 4
    assert watch.begun == (8, 4, 0)
    assert watch.steps == [(epoch, step) for epoch in range(1, 9) for step in range(1, 5)]
    assert [note.partition(":")[0] for note in watch.notes] == ["trainer lab/careful", "an epoch has 4 step(s) only"]
    assert "after Nobody et al." in watch.notes[0]
    assert done.caveat == "after Nobody et al."


def test_the_folder_holds_manifest_history_configuration_and_events(lab: Any, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(trainer="lab/careful", seed=4, group="a", name="b"), out=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["kind"], manifest["status"], manifest["selected_epoch"]) == (
        "training",
        "finished",
        done.selected_epoch,
    )
    assert manifest["trainer"] == {
        "name": "lab/careful:noise=0.1",
        "params": {"noise": 0.1},
        "summary": "a test",
        "citation": "Nobody et al.",
        "caveat": "after Nobody et al.",
    }
    assert manifest["history"] == done.history
    assert (manifest["data"]["trained_on"], manifest["data"]["validated_on"]) == (54, 6)
    assert manifest["environment"]["device"] == "cpu"
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [{key: float(value) for key, value in row.items()} for row in rows] == done.history
    assert list(rows[0]) == ["epoch", "lr", "loss", "largest", "validation_n", "validation_correct"]
    assert read_toml(tmp_path / "config.toml")["trainer"] == {"name": "lab/careful"}
    assert "include" not in read_toml(tmp_path / "config.toml")
    events = [json.loads(line)["event"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events == ["started", "epoch", "epoch", "finished"]
    stated = json.loads(metadata(done.model)["robustkit.training"])
    assert stated == {
        "trainer": "lab/careful:noise=0.1",
        "caveat": "after Nobody et al.",
        "seed": 4,
        "group": "a",
        "recipe": manifest["recipe"],
        "name": "b",
        "data": f"{lab.folder.name}/data",
        "data_fingerprint": manifest["data"]["fingerprint"],
        "validation_fingerprint": manifest["data"]["fingerprint"],
        "epochs": 2,
        "epoch": done.selected_epoch,
        "selected_epoch": done.selected_epoch,
    }


def test_trainings_that_differ_in_their_seed_only_have_one_recipe(lab: Any, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.npz"
    copy.write_bytes((lab.folder / "data.npz").read_bytes())

    def recipe(**change: Any) -> str:
        config = parse_training(lab.config(**change))
        plan = make_plan(config, load_host(include=config.include))
        assert plan.training["recipe"] == plan.recipe
        return plan.recipe

    first = recipe()
    same: list[dict[str, Any]] = [
        {"seed": 1}, {"name": "a"}, {"group": "b"}, {"checkpoint_every": 2}, {"data": str(copy)},
        {"trainer": "plain:noise=0.1"}, {"model": "net:width=8"}, {"normalize": "none"},
    ]  # fmt: skip
    assert [recipe(**change) for change in same] == [first] * len(same)
    np.savez(copy, images=np.load(lab.folder / "data.npz")["images"] // 2, labels=np.arange(60) % 3)
    other: list[dict[str, Any]] = [
        {"lr": 0.02}, {"epochs": 3}, {"limit": 30}, {"validation": 0.2}, {"data": str(copy)}, {"view": "6"},
        {"trainer": "plain:noise=0.2"}, {"model": "net:width=4"}, {"normalize": "0.5/0.5"}, {"augment": ["flip"]},
    ]  # fmt: skip
    found = {recipe(**change) for change in other}
    assert len(found) == len(other)
    assert first not in found


def test_of_equal_epochs_the_first_is_selected(lab: Any, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(trainer="lab/counted", epochs=4), out=tmp_path)
    assert [row["validation_correct"] for row in done.history] == [1, 3, 3, 2]
    assert done.selected_epoch == 2
    two = robustkit.train(lab.config(trainer="lab/counted", epochs=4), out=tmp_path / "again")
    assert two.model.read_bytes() == done.model.read_bytes()
    with safe_open(done.model, framework="pt") as best, safe_open(done.last, framework="pt") as last:
        assert not torch.equal(best.get_tensor("0.weight"), last.get_tensor("0.weight"))
    assert json.loads(metadata(done.last)["robustkit.training"])["epoch"] == 4


def test_a_checkpoint_is_evaluated_without_further_settings(lab: Any, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(epochs=6, lr=0.05, normalize="0.5/0.25"), out=tmp_path / "net")
    assert metadata(done.model)["robustkit.normalize"] == "0.5/0.25"
    assert metadata(done.model)["robustkit.model"] == "lab/net:in-channels=3,num-classes=3,width=8"
    result = robustkit.evaluate(
        {
            "model": [{"checkpoint": str(done.model)}],
            "data": str(lab.folder / "data.npz"),
            "include": [str(lab.folder / "lab.py")],
            "device": "cpu",
        },
        out=tmp_path / "eval",
    )
    (row,) = [row for row in result.rows if row["metric"] == "metrics/accuracy"]
    assert row["value"] > 0.8
    # The network's own arithmetic, from the file alone.
    with safe_open(done.model, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    from torch import nn

    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(32, 3),
    ).eval()  # fmt: skip
    net.load_state_dict(state)
    data = np.load(lab.folder / "data.npz")
    with torch.no_grad():
        right = net((torch.from_numpy(data["images"]) / 255 - 0.5) / 0.25).argmax(1).numpy() == data["labels"]
    assert row["value"] == pytest.approx(right.mean())


def test_class_names_of_the_data_go_with_the_weights(tmp_path: Path) -> None:
    config = {
        "trainer": "standard", "data": "zoo/fashion-mnist-mini", "model": "small-cnn:width=2", "limit": 100,
        "epochs": 1, "batch_size": 32, "device": "cpu",
    }  # fmt: skip
    done = robustkit.train(config, out=tmp_path)
    names = json.loads(metadata(done.model)["robustkit.classes"])
    assert (len(names), names[9]) == (10, "Ankle boot")
    assert metadata(done.model)["robustkit.model"] == "zoo/small-cnn:in-channels=1,num-classes=10,width=2"


def test_classes_without_names_go_by_their_numerals(lab: Any, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(model="lab/net:num_classes=5"), out=tmp_path)
    for path in (done.model, done.last):
        assert json.loads(metadata(path)["robustkit.classes"]) == ["0", "1", "2"]


def test_the_configuration_decides_the_bytes_and_the_caller_does_not(lab: Any, tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = robustkit.train(lab.config(), out=tmp_path / "1").model.read_bytes()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    np.random.seed(7)
    assert robustkit.train(lab.config(), out=tmp_path / "2").model.read_bytes() == first
    for place, change in enumerate(
        ({"seed": 1}, {"lr": 0.02}, {"augment": ["flip"]}, {"trainer": "lab/plain:noise=0.2"})
    ):
        assert robustkit.train(lab.config(**change), out=tmp_path / f"c{place}").model.read_bytes() != first


def test_architectures_from_files_are_trained_too(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3))\n"
    )
    watch = Watch()
    done = robustkit.train(lab.config(model=f"{tmp_path / 'own.py'}:build"), out=tmp_path / "run", observer=watch)
    assert "robustkit.model" not in metadata(done.model)
    assert any("--model" in note for note in watch.notes)


@pytest.mark.parametrize(
    "change", [{"precision": "bf16"}, {"optimizer": "sgd", "gradient_clip": 0.1}, {"schedule": "cosine"}]
)
def test_other_settings_train_too(lab: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    done = robustkit.train(lab.config(**change), out=tmp_path)
    assert all(np.isfinite(row["loss"]) for row in done.history)


def test_a_short_gradient_moves_the_weights_less(lab: Any, tmp_path: Path) -> None:
    def moved(**change: Any) -> float:
        common = {"optimizer": "sgd", "momentum": 0.0, "lr": 0.1, "schedule": "constant", "epochs": 1}
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        done = robustkit.train(lab.config(**common, **change), out=path)
        with safe_open(done.last, framework="pt") as file:
            return float(file.get_tensor("6.bias").abs().max())

    start = moved(gradient_clip=1e-9)
    assert abs(moved(gradient_clip=1e-9) - start) < 1e-6
    assert abs(moved() - start) > 1e-4


def test_another_split_validates_and_then_all_samples_are_trained_on(lab: Any, tmp_path: Path) -> None:
    data = np.load(lab.folder / "data.npz")
    (tmp_path / "two").mkdir()
    np.savez(tmp_path / "two" / "train.npz", images=data["images"][:40], labels=data["labels"][:40])
    np.savez(tmp_path / "two" / "val.npz", images=data["images"][40:], labels=data["labels"][40:])
    done = robustkit.train(lab.config(data=str(tmp_path / "two"), validation_split="val"), out=tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "manifest.json").read_text())["data"]
    assert (facts["trained_on"], facts["validated_on"], facts["validation"]) == (40, 20, "two/val")
    assert done.history[0]["validation_n"] == 20
    stated = json.loads(metadata(done.model)["robustkit.training"])
    assert stated["data_fingerprint"] == facts["fingerprint"]
    assert stated["validation_fingerprint"] == facts["validation_fingerprint"] != facts["fingerprint"]
    evaluated = robustkit.open_layout(tmp_path / "two", split="val")
    assert stated["validation_fingerprint"] == evaluated.fingerprint()


def test_texts_are_trained_on_and_evaluated(tmp_path: Path) -> None:
    words = {"pets": "a cat and a dog", "food": "bread with some jam"}
    rows = [f"{words[label]} {number}\t{label}" for number in range(30) for label in words]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    config = {
        "trainer": "standard", "data": str(tmp_path / "train.tsv"), "model": "char-cnn", "epochs": 3, "batch_size": 16,
        "device": "cpu",
    }  # fmt: skip
    done = robustkit.train(config, out=tmp_path / "run")
    assert done.history[-1]["loss"] < done.history[0]["loss"]
    assert json.loads(metadata(done.model)["robustkit.classes"]) in (["food", "pets"], ["pets", "food"])
    result = robustkit.evaluate(
        {"model": [{"checkpoint": str(done.model)}], "data": str(tmp_path / "train.tsv"), "device": "cpu"},
        out=tmp_path / "eval",
    )
    (row,) = [row for row in result.rows if row["metric"] == "metrics/accuracy"]
    assert (row["n"], row["value"]) == (60, 1.0)


def test_a_new_folder_is_made_below_runs(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = robustkit.train(lab.config())
    assert done.folder.parent == Path("runs")
    assert "plain-net" in done.folder.name
    again = robustkit.train(lab.config(), resume=True)
    assert (again.folder, again.computed) == (done.folder, 0)
    other = robustkit.train(lab.config(seed=1), resume=True)
    assert (other.computed, other.folder != done.folder) == (2, True)


@pytest.mark.gpu
def test_a_gpu_trains_and_repeats_itself(lab: Any, tmp_path: Path) -> None:
    first, second = (robustkit.train(lab.config(device="cuda"), out=tmp_path / name) for name in "12")
    assert first.history[-1]["validation_n"] == second.history[-1]["validation_n"] == 6
    with pytest.raises(RobustkitError, match="backend was 'torch-cuda', is 'torch-cpu'"):
        robustkit.train(lab.config(device="cpu"), out=tmp_path / "1", resume=True)
