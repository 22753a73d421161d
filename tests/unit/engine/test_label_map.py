"""Classes by name: a checkpoint that names its classes is never compared with other ones by position."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from robustkit.engine.data.table import TextTable
from robustkit.engine.label_map import LabelMap, label_map
from robustkit.errors import DataError
from robustkit.evaluation import evaluate
from robustkit.protocols import LoadedCheckpoint

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


def match(known: list[str] | None, names: list[str], labels: list[int], logits: int = 3) -> LabelMap:
    metadata = {} if known is None else {"classes": json.dumps(known)}
    data = TextTable(texts=["x"] * len(labels), labels=np.array(labels), class_names=names)
    return label_map("net", LoadedCheckpoint(weights={}, format="", metadata=metadata), data, logits)


def test_labels_are_the_models_own_indices(tmp_path: Path) -> None:
    config = {
        "model": [checkpoint(tmp_path, json.dumps(NAMES))],
        "data": pictures(tmp_path, ["kind-9", "kind-4"]),
        "device": "cpu",
    }
    done = evaluate(config, out=tmp_path / "run")
    assert labels(done) == [4, 4, 9, 9]
    assert next(iter(done.folder.read_manifest()["models"].values()))["identity"]["label_map"] == [4, 9]


@pytest.mark.parametrize("classes", ["[]", "not json", '{"a": 1}', "[" * 100_000])
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


@pytest.mark.parametrize(
    ("known", "names", "labels", "places"),
    [
        (["0", "1", "2"], ["1", "2"], [0, 1], (1, 2)),  # a table that lacks a class
        (["0", "1", "2"], [], [0, 1, 2], None),
        (["0", "1", "2"], [], [0, 5], None),  # 5 is found by the check of the labels, which knows the sample
        (["1", "2", "3"], [], [3, 1], (-1, 0, -1, 2)),
        (["1", "2", "3"], ["2.0", "01"], [0, 1], (1, 0)),
        (["-1", "1"], ["+1", "-1"], [0, 1], (1, 0)),
        (["01", "1"], ["1", "01"], [0, 1], (1, 0)),  # as they stand, before as numbers
        (["10", "9"], ["9", "10"], [0, 1], (1, 0)),
        (["9" * 5000, "1"], ["1", "0" + "9" * 5000], [0, 1], (1, 0)),
        (["0", "1", "other"], [], [0, 1], None),
    ],
)
def test_names_that_are_numbers_are_matched_as_numbers(
    known: list[str], names: list[str], labels: list[int], places: tuple[int, ...] | None
) -> None:
    found = match(known, names, labels)
    assert (found.places, found.note) == (places, "")


@pytest.mark.parametrize(
    ("known", "names", "labels", "stranger"),
    [
        (["1", "2", "3"], [], [0, 1], "0"),
        (["0", "1", "2"], ["3", "4"], [0, 1], "3"),
        (["0", "1", "2"], ["cat", "dog"], [0, 1], "cat"),
        (["cat", "dog"], ["1", "2"], [0, 1], "1"),
        (["1", "2"], ["01", "1"], [0, 1], "1"),  # two classes of the data cannot both be one of the model's
        (["1", "01"], ["001"], [0], "001"),
        (["0", "other"], [], [0, 1], "1"),
    ],
)
def test_what_cannot_be_matched_is_refused_with_both_sides(
    known: list[str], names: list[str], labels: list[int], stranger: str
) -> None:
    with pytest.raises(DataError, match=f"not trained on the class '{stranger}'") as raised:
        match(known, names, labels)
    assert all(f"'{each}'" in raised.value.message for each in [*known, *names])


def test_indices_mean_the_names_in_their_order_and_that_is_said() -> None:
    found = match(["ham", "spam"], [], [0, 1])
    assert found.places is None
    assert "'0' is taken as 'ham'" in found.note


@pytest.mark.parametrize(
    ("names", "logits", "said"),
    [(["1", "2"], 3, True), (["1", "2"], 2, True), (["a", "b"], 3, True), (["a", "b"], 2, False), ([], 3, False)],
)
def test_a_position_that_may_be_wrong_is_said_where_the_model_names_no_classes(
    names: list[str], logits: int, said: bool
) -> None:
    found = match(None, names, [0, 1], logits)
    assert found.places is None
    assert ("by position" in found.note) == said


def test_a_table_that_lacks_a_class_is_as_right_as_the_whole(tmp_path: Path) -> None:
    """A model that is always right on labels 0, 1 and 2 is always right on 1 and 2."""
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    max_length = 9\n\n"
        "    def __init__(self):\n        super().__init__()\n        self.scale = nn.Parameter(torch.ones(1))\n\n"
        "    def encode(self, texts):\n"
        "        return torch.tensor([[float(text[0] == digit) for digit in '012'] for text in texts])\n\n"
        "    def forward(self, encoded):\n        return self.scale * encoded\n"
    )
    metadata = {"robustkit.classes": '["0", "1", "2"]'}
    save_file({"scale": torch.ones(1)}, tmp_path / "net.safetensors", metadata=metadata)
    (tmp_path / "test.tsv").write_text("label\ttext\n1\t1 one\n2\t2 two\n1\t1 more\n")
    model = {"checkpoint": str(tmp_path / "net.safetensors"), "model": f"{tmp_path / 'net.py'}:Net"}
    done = evaluate(
        {"model": [model], "data": str(tmp_path / "test.tsv"), "metric": ["accuracy"], "device": "cpu"},
        out=tmp_path / "run",
    )
    assert [row["value"] for row in done.rows] == [1.0]
