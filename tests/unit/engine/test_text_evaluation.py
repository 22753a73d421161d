"""Texts through the whole evaluation: records, rates, truncation, and what goes with texts and what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.engine.edits import undo_edits
from robustkit.errors import ConfigError, DataError, PluginError
from robustkit.evaluation import evaluate

NET = """
import torch
from torch import nn


class Net(nn.Module):
    max_length = 20

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(128, 4)
        self.linear = nn.Linear(80, 2)
        with torch.no_grad():
            for number, values in enumerate(self.parameters()):
                values.copy_(torch.sin(torch.arange(values.numel()) * (number + 1.3)).view_as(values))

    def encode(self, texts):
        return torch.tensor([[ord(sign) % 128 for sign in text[:20].ljust(20)] for text in texts])

    def forward(self, encoded):
        return self.linear(self.embedding(encoded).flatten(1))
"""

NOISE = '''
import robustkit


@robustkit.params
class DropParams:
    factor: float = 1.0
    """How many times as much as it says it takes away."""


class Drop:
    """Takes away the first characters of a text, the more the higher the severity."""

    def __init__(self, params):
        self.params = params

    def rate(self, severity):
        return 0.04 * severity

    def edit(self, texts, keys, severity):
        chances = keys.uniform(1)[:, 0].tolist()
        found = []
        for text, chance in zip(texts, chances):
            wanted = len(text) * self.rate(severity) * self.params.factor
            count = int(wanted) + (chance < wanted % 1)
            found.append([robustkit.Edit(start=i, end=i + 1, text="", op="delete") for i in range(count)])
        return found


@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="drop", summary="s", target=Drop, params=DropParams, modality="text")]
'''
N = 300
TEXTS = [f"sample {number:03d} says that {'good' if number % 2 else 'bad'} things end" for number in range(N)]


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    from safetensors.torch import save_file

    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "lab.py").write_text(NOISE)
    rows = [f"{'yes' if number % 2 else 'no'}\t{text}" for number, text in enumerate(TEXTS)]
    (tmp_path / "data.tsv").write_text("\n".join(["label\ttext", *rows]) + "\n")
    space: dict[str, Any] = {}
    exec(NET, space)
    save_file({key: value.clone() for key, value in space["Net"]().state_dict().items()}, tmp_path / "net.safetensors")
    return {
        "model": [{"checkpoint": str(tmp_path / "net.safetensors"), "model": f"{tmp_path / 'net.py'}:Net"}],
        "data": str(tmp_path / "data.tsv"),
        "perturbation": ["drop:severity=[1,5]"],
        "include": [str(tmp_path / "lab.py")],
        "device": "cpu",
    }


def cells(done: Any) -> dict[float, dict[str, Any]]:
    manifest = done.folder.read_manifest()
    return {
        manifest["conditions"][cell["condition"]]["severity"]: done.folder.read_cell(cell["key"], manifest["chunks"])
        for cell in manifest["cells"]
    }


def test_records_hold_the_error_rate_and_a_log_that_leads_back(config: dict[str, Any], tmp_path: Path) -> None:
    done = evaluate(config, out=tmp_path / "run")
    assert not done.failures
    found = cells(done)
    assert "cer" not in found[0.0]
    assert found[1.0]["label"].tolist() == [number % 2 for number in range(N)]
    for text, edits, rate in zip(TEXTS, found[5.0]["edits"], found[5.0]["cer"], strict=True):
        removed = json.loads(edits)
        assert undo_edits(text[len(removed) :], edits) == text
        assert rate == pytest.approx(len(removed) / len(text))
    checks = done.folder.read_manifest()["checks"]
    assert [(check["status"], check["numbers"]["aim"]) for check in checks] == [("pass", 0.04), ("pass", 0.2)]


def test_noise_that_does_more_than_it_says_fails_its_cells(config: dict[str, Any], tmp_path: Path) -> None:
    config["perturbation"] = ["drop:severity=5,factor=1.5", "drop:severity=5,factor=1.05"]
    done = evaluate(config, out=tmp_path / "run")
    assert [check["status"] for check in done.folder.read_manifest()["checks"]] == ["fail", "pass"]
    assert len(done.failures) == 1
    assert "aim 0.2, measured 0.2998; the noise changes more" in done.failures[0]["error"]
    for rows in (done.rows, done.folder.read_results()):
        assert {row["condition"] for row in rows} == {"clean", "lab/drop:factor=1.05,severity=5"}
    assert "factor=1.5," not in (tmp_path / "run" / "results.csv").read_text()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "failed: ZeroDivisionError: division by zero"),
        ("sys.exit(0)", "failed: SystemExit: 0"),
        ("None", "got None"),
        ("float('nan')", "got nan"),
        ("float('inf')", "got inf"),
        ("-0.1", "got -0.1"),
        ("'0.1'", "got '0.1'"),
    ],
)
def test_a_rate_that_is_none_is_refused_before_anything_is_computed(
    config: dict[str, Any], tmp_path: Path, code: str, message: str
) -> None:
    noise = NOISE.replace("import robustkit", "import sys, robustkit", 1).replace(
        "return 0.04 * severity", f"return {code}"
    )
    (tmp_path / "lab.py").write_text(noise)
    with pytest.raises(PluginError) as raised:
        evaluate(config, out=tmp_path / "run")
    assert "perturbation 'lab/drop' of plugin lab: rate(1)" in raised.value.message
    assert message in raised.value.message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", [1, 7, 300])
def test_the_batch_size_does_not_matter(config: dict[str, Any], tmp_path: Path, size: int) -> None:
    one = cells(evaluate(config, out=tmp_path / "one"))
    other = cells(evaluate({**config, "batch_size": size}, out=tmp_path / "other"))
    for severity, records in one.items():
        for column in ("prediction", "input_hash", "label", "id"):
            assert np.array_equal(records[column], other[severity][column])
        assert np.allclose(records["nll"], other[severity]["nll"], rtol=1e-5)


def test_hash_randomisation_does_not_matter(config: dict[str, Any], tmp_path: Path) -> None:
    folders = []
    for seed in ("0", "1"):
        folder = tmp_path / f"run{seed}"
        script = (
            f"from robustkit import evaluate; from pathlib import Path; evaluate({config!r}, out=Path({str(folder)!r}))"
        )
        subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
        folders.append(folder)
    files = sorted(path.relative_to(folders[0]) for path in (folders[0] / "records").rglob("*.parquet"))
    assert len(files) == 3
    for path in [*files, Path("results.csv")]:
        assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes()


def test_what_is_cut_off_is_counted(config: dict[str, Any], tmp_path: Path) -> None:
    model = next(iter(evaluate(config, out=tmp_path / "run").folder.read_manifest()["models"].values()))
    assert (model["max_length"], model["truncated"]) == (20, N)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"perturbation": ["gaussian-noise"]}, "for text data there is lab/drop, textnoise/keyboard"),
        ({"attack": ["pgd:eps=0.1"]}, "no attack is for text data"),
    ],
)
def test_what_is_for_images_names_what_is_for_texts(
    config: dict[str, Any], tmp_path: Path, change: Any, hint: str
) -> None:
    with pytest.raises(ConfigError, match="is for image data, these are text data") as error:
        evaluate({**config, **change}, out=tmp_path / "run")
    assert error.value.hint == hint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"view": "28"}, "--view is for images"),
        ({"text_column": "txet"}, "txet"),
        ({"label_column": "lable"}, "lable"),
    ],
)
def test_what_does_not_go_with_texts(config: dict[str, Any], tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate({**config, **change}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_text_noise_does_not_go_with_images(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is for text data, these are image data") as error:
        evaluate({**config, "data": "zoo/fashion-mnist-mini"}, out=tmp_path / "run")
    assert error.value.hint.startswith("for image data there is corruptions/brightness, corruptions/contrast, ")
    assert error.value.hint.endswith("and 16 more: 'robustkit list perturbations'")
    with pytest.raises(ConfigError, match="for tables of texts"):
        evaluate({**config, "data": "zoo/fashion-mnist-mini", "text_column": "text"}, out=tmp_path / "run")


def test_an_empty_text_is_named_with_its_line(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_text("label\ttext\nyes\tfine\nno\t\n")
    with pytest.raises(DataError, match="line 3"):
        evaluate(config, out=tmp_path / "run")


def test_a_network_for_images_is_refused(config: dict[str, Any], tmp_path: Path) -> None:
    assets = Path(__file__).resolve().parents[3] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"
    config["model"] = [str(sorted(assets.glob("fashion-*.safetensors"))[0])]
    with pytest.raises(DataError, match="encode"):
        evaluate(config, out=tmp_path / "run")
