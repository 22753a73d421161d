"""What cannot be trained is refused with the reason, and what was good before stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import robustkit
from robustkit.errors import ConfigError, DataError, PluginError, RunError


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"trainer": "lab/plian"}, "unknown trainer 'lab/plian'", "did you mean 'lab/plain'"),
        ({"trainer": "lab/plain:nose=1"}, "no parameter 'nose'", "did you mean 'noise'"),
        ({"trainer": "lab/plain:noise=-1"}, "greater than or equal to 0", "describe"),
        ({"trainer": {"noise": 1}}, "needs a name", "[trainer]"),
        ({"trainer": "lab/texts"}, "is for texts, .* holds images", "list trainers"),
        ({"model": "char-cnn"}, "takes texts, .* holds images", "lab/net"),
        ({"model": "lab/net:num_classes=1"}, "at least two logits", ""),
        ({"epochs": 0}, "epochs: .* greater than or equal to 1", ""),
        ({"batch_size": 0}, "batch_size: .* greater than or equal to 1", ""),
        ({"epoch": 1}, "unknown key 'epoch'", "did you mean 'epochs'"),
        ({"optimizer": "adma"}, "optimizer: .* 'adam'", ""),
        ({"augment": ["spin"]}, "'flip' or 'crop'", ""),
        ({"validation": 1.0}, "less than 1", ""),
        ({"validation_split": "test"}, "'test' cannot be chosen", "leave the split out"),
        (
            {"trainer": "fcl:patch=99"},
            "basis=patch,patch=99 makes 1 feature of images of 8x8 pixels",
            "smaller patches",
        ),
        ({"trainer": "fcl:patch=8,warmup=1"}, "makes 1 feature", "smaller patches"),
        ({"trainer": "lab/picky"}, "wants images of 9 pixels", "others"),
        ({"normalize": "cifra10"}, "unknown name 'cifra10'", "cifar10"),
        ({"device": "tpu"}, "unknown device|not supported", "cpu"),
        ({"precision": "fp16"}, "needs a CUDA device", "fp32"),
        ({"data": "nowhere.npz"}, "nowhere.npz", ""),
    ],
)
def test_a_configuration_that_cannot_be_right(
    lab: Any, tmp_path: Path, change: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        robustkit.train(lab.config(**change), out=tmp_path / "run")
    assert hint in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_what_is_trained_on_does_not_validate(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "train.npz").write_bytes((lab.folder / "data.npz").read_bytes())
    with pytest.raises(ConfigError, match=r"--validation-split train .* is what is trained on") as caught:
        robustkit.train(lab.config(data=str(tmp_path), validation_split="train"), out=tmp_path / "run")
    assert "another split" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 64}, "at least one batch of 64 samples to train on, got 54 .6 are for validation"),
        ({"validation": 0.001}, "holds out none of 60 samples"),
        ({"limit": 3, "batch_size": 1}, "holds out none of 3 samples"),
        ({"model": "lab/net:num_classes=2"}, "has 2 logits, the data have 3 classes"),
        ({"model": "zoo/mlp:in_shape=[1,2,2]"}, "fails on images of shape"),
    ],
)
def test_data_and_model_that_do_not_go_together(lab: Any, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        robustkit.train(lab.config(**change), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_form_of_the_images_reaches_registered_architectures(lab: Any, tmp_path: Path) -> None:
    done = robustkit.train(lab.config(model="mlp:hidden=[4]"), out=tmp_path)
    with safe_open(done.model, framework="pt") as file:
        assert file.metadata()["robustkit.model"] == "zoo/mlp:hidden=[4],in-shape=[3,8,8],num-classes=3"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "images"),
        (np.zeros(60, dtype=np.int64), "one class only"),
        (np.arange(60) % 3 - 1, "got -1 for sample 0"),
    ],
)
def test_labels_that_cannot_be_learnt(lab: Any, tmp_path: Path, labels: Any, message: str) -> None:
    arrays = {"images": np.load(lab.folder / "data.npz")["images"]}
    np.savez(tmp_path / "d.npz", **arrays, **({} if labels is None else {"labels": labels}))
    with pytest.raises(DataError, match=message):
        robustkit.train(lab.config(data=str(tmp_path / "d.npz")), out=tmp_path / "run")


def test_a_table_without_a_column_of_labels(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("text\tnumber\n" + "a cat\t1\n" * 40)
    config = {"trainer": "standard", "data": str(tmp_path / "t.tsv"), "model": "char-cnn", "device": "cpu"}
    with pytest.raises(ConfigError, match="no column of labels among 'text', 'number'"):
        robustkit.train(config, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ("noloss", "scalar tensors by name, 'loss' among them"),
        ("numbered", "scalar tensors by name, 'loss' among them, got .*7: tensor"),
        ("wrongname", "calls a loss 'epoch'"),
        ("raises", "ValueError: out of luck"),
        ("wrongcorrect", r"must return \(6,\) bool"),
        ("forgetful", "does not hold the model's parameters"),
        ("brittle", "check_inputs failed: ValueError: out of luck"),
        ("function", "built builtin_function_or_method"),
    ],
)
def test_a_trainer_that_breaks_its_contract_is_named(lab: Any, tmp_path: Path, trainer: str, message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        robustkit.train(lab.config(trainer=trainer), out=tmp_path / "run")
    assert f"lab/{trainer}" in str(caught.value)


@pytest.mark.parametrize(
    ("trainer", "where"),
    [
        ("diverging", "epoch 2, step 3 of 4: the loss is no longer a number: loss inf, largest "),
        ("exploding", "epoch 2, step 4 of 4: parameter 'model.net.6.bias' is no longer a number"),
    ],
)
def test_a_loss_that_diverges_stops_the_training_and_the_best_weights_stay(
    lab: Any, tmp_path: Path, trainer: str, where: str
) -> None:
    with pytest.raises(RunError) as caught:
        robustkit.train(lab.config(trainer=trainer, epochs=4), out=tmp_path)
    assert where in caught.value.message
    assert f"{tmp_path / 'model.safetensors'} has epoch 1" in caught.value.message
    assert "lower --lr than 0.01" in caught.value.hint
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["status"], len(manifest["history"])) == ("failed", 1)
    assert where in manifest["error"]
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["robustkit.training"])["epoch"] == 1
        assert all(bool(file.get_tensor(name).isfinite().all()) for name in file.keys())  # noqa: SIM118


def test_no_results_are_promised_where_nothing_can_be_written(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((RunError, ConfigError)):
        robustkit.train(lab.config(), out=tmp_path / "file" / "below")
