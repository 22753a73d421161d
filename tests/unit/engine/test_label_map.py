"""Classes by name: a checkpoint that names its classes is never compared with other ones by position."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from robustkit.errors import DataError
from robustkit.evaluation import evaluate

CHECKPOINTS = Path(__file__).resolve().parents[3] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"
NAMES = [f"kind-{index}" for index in range(10)]


def checkpoint(folder: Path, classes: str) -> str:
    weights = load_file(sorted(CHECKPOINTS.glob("fashion-*.safetensors"))[0])
    path = folder / "net.safetensors"
    save_file(weights, path, metadata={"robustkit.model": "zoo/small-cnn", "robustkit.classes": classes})
    return str(path)


def pictures(folder: Path, names: list[str]) -> str:
    generator = np.random.default_rng(0)
    for name in names:
        (folder / "data" / name).mkdir(parents=True)
        for number in range(2):
            pixels = generator.integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "data" / name / f"{number}.png")
    return str(folder / "data")


def labels(run: Any) -> list[int]:
    manifest = run.folder.read_manifest()
    return [int(label) for label in run.folder.read_cell(manifest["cells"][0]["key"], 1)["label"]]


def test_labels_are_the_models_own_indices(tmp_path: Path) -> None:
    config = {
        "model": [checkpoint(tmp_path, json.dumps(NAMES))],
        "data": pictures(tmp_path, ["kind-9", "kind-4"]),
        "device": "cpu",
    }
    done = evaluate(config, out=tmp_path / "run")
    assert labels(done) == [4, 4, 9, 9]
    assert next(iter(done.folder.read_manifest()["models"].values()))["identity"]["label_map"] == [4, 9]


@pytest.mark.parametrize("classes", ["[]", "not json", '{"a": 1}'])
def test_without_names_labels_are_taken_by_position(tmp_path: Path, classes: str) -> None:
    config = {"model": [checkpoint(tmp_path, classes)], "data": pictures(tmp_path, ["kind-9", "kind-4"])}
    assert labels(evaluate({**config, "device": "cpu"}, out=tmp_path / "run")) == [0, 0, 1, 1]


def test_a_class_that_the_model_does_not_know_is_an_error(tmp_path: Path) -> None:
    config = {"model": [checkpoint(tmp_path, json.dumps(NAMES))], "data": pictures(tmp_path, ["kind-3", "kind-x"])}
    with pytest.raises(DataError, match="was not trained on the class 'kind-x'"):
        evaluate(config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_equal_names_need_no_map(tmp_path: Path) -> None:
    config = {"model": [checkpoint(tmp_path, json.dumps(sorted(NAMES)))], "data": pictures(tmp_path, NAMES)}
    done = evaluate({**config, "device": "cpu"}, out=tmp_path / "run")
    assert next(iter(done.folder.read_manifest()["models"].values()))["identity"]["label_map"] is None
