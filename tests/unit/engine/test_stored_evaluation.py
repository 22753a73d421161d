"""Stored -C sets in an evaluation: what is evaluated, under which names, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from robustkit import evaluate, load_report
from robustkit.config import parse_config
from robustkit.engine.plan import make_plan
from robustkit.errors import ConfigError, DataError
from robustkit.host import Host, load_host

N = 30
PREFIX = "corruptions/fog:source=stored,severity="


@pytest.fixture(scope="module")
def host() -> Host:
    return load_host(strict=True)


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Any]:
    """A linear model, clean images, and a set of two corruptions in which only fog 3 equals the clean images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 8, 8), dtype=np.uint8)
    weight = torch.from_numpy(rng.normal(size=(3, 64)).astype(np.float32))
    labels = (torch.from_numpy(images).reshape(N, -1).float() / 255 @ weight.T).argmax(dim=1).numpy()
    np.savez(tmp_path / "clean.npz", images=images, labels=labels)
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    save_file({"1.weight": weight, "1.bias": torch.zeros(3)}, tmp_path / "model.safetensors")
    stored = tmp_path / "TOY-C"
    stored.mkdir()
    fog = rng.integers(0, 256, (5 * N, 8, 8), dtype=np.uint8)
    fog[2 * N : 3 * N] = images
    np.save(stored / "fog.npy", fog)
    np.save(stored / "gaussian_noise.npy", rng.integers(0, 256, (5 * N, 8, 8), dtype=np.uint8))
    np.save(stored / "labels.npy", np.tile(labels, 5))
    return {
        "model": [{"checkpoint": str(tmp_path / "model.safetensors"), "model": f"{tmp_path / 'net.py'}:build"}],
        "data": str(stored),
        "device": "cpu",
    }


def conditions(host: Host, made: dict[str, Any], **more: Any) -> list[str]:
    return [condition.text for condition in make_plan(parse_config({**made, **more}), host).conditions]


def test_without_a_choice_everything_stored_is_evaluated_and_nothing_is_called_clean(host: Host, made: Any) -> None:
    found = conditions(host, made)
    assert found[:5] == [f"{PREFIX}{severity}" for severity in range(1, 6)]
    assert found[5] == "corruptions/gaussian-noise:source=stored,severity=1"
    assert len(found) == 10


def test_a_choice_may_be_a_name_a_tag_or_what_a_run_wrote(host: Host, made: Any) -> None:
    for chosen in ("fog:severity=2..3", "corruptions/Fog:severity=[2,3]", f"{PREFIX}[2,3]"):
        assert conditions(host, made, perturbation=[chosen]) == [f"{PREFIX}2", f"{PREFIX}3"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("snow", "corruptions/snow: not stored"),
        ("foog", "foog: not stored"),
        ("corruptions/common:severity=1", "corruptions/contrast"),
        ("fog:severity=6", "severity 6 is not stored"),
        ("fog:severity=0", "severity 0 is not stored"),
        ("fog:severity=-1", "severity -1 is not stored"),
        ("fog:severity=2.5", "severity 2.5 is not stored"),
        ("fog:profile=cifar", "not profile"),
        ("fog:source=generated", "not source"),
    ],
)
def test_what_is_not_stored_is_refused_with_what_is(host: Host, made: Any, chosen: str, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        conditions(host, made, perturbation=[chosen])
    assert expected in error.value.message
    assert "it holds fog, gaussian-noise (severity 1, 2, 3, 4, 5)" in error.value.hint or "--data" in error.value.hint


def test_two_files_of_one_corruption_are_named(host: Host, made: Any) -> None:
    folder = Path(made["data"])
    (folder / "Fog.npy").write_bytes((folder / "fog.npy").read_bytes())
    with pytest.raises(DataError, match="Fog, fog mean the same"):
        conditions(host, made)


def test_stored_is_no_source_of_clean_data(host: Host, made: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="source=stored is for a stored -C set"):
        conditions(host, made, data=str(tmp_path / "clean.npz"), perturbation=[f"{PREFIX}3"])


def test_rows_say_that_they_are_stored_and_figures_and_tables_too(host: Host, made: Any, tmp_path: Path) -> None:
    done = evaluate({**made, "perturbation": ["fog"]}, host=host, out=tmp_path / "run")
    assert {row["source"] for row in done.rows} == {"stored"}
    assert {row["condition"] for row in done.rows} == {f"{PREFIX}{severity}" for severity in range(1, 6)}
    accuracy = {row["severity"]: row["value"] for row in done.rows if row["metric"] == "metrics/accuracy"}
    assert accuracy[3.0] == 1.0
    assert all(accuracy[severity] < 1 for severity in (1, 2, 4, 5))
    study = load_report(tmp_path / "run").studies[0]
    table = next(table for table in study.tables if table.id == "conditions")
    assert all("source stored" in row[1].text for row in table.rows)
    assert all("source=stored" in row[1].full for row in table.rows)
    assert not any(column.title == "clean" for table in study.tables for column in table.columns)


def test_a_report_of_stored_and_generated_keeps_them_apart(host: Host, made: Any, tmp_path: Path) -> None:
    clean = str(tmp_path / "clean.npz")
    evaluate({**made, "clean": clean, "perturbation": ["fog:severity=1"]}, host=host, out=tmp_path / "stored")
    given = {**made, "data": clean, "perturbation": ["fog:severity=1"]}
    evaluate(given, host=host, out=tmp_path / "generated")
    report = load_report(tmp_path / "stored", tmp_path / "generated")
    assert "the runs are on different data or samples: each has its own figures" in report.notes
    assert not any("are merged" in note for note in report.notes)
    studies = report.studies
    assert [study.dataset for study in studies] == ["TOY-C", f"{tmp_path.name}/clean"]
    for study, source in zip(studies, (True, False), strict=True):
        table = next(table for table in study.tables if table.id.startswith("conditions"))
        found = [row[1].full for row in table.rows if row[1].full != "clean"]
        assert ["source=stored" in text for text in found] == [source]


def test_with_the_clean_data_there_is_a_clean_accuracy(host: Host, made: Any, tmp_path: Path) -> None:
    clean = str(tmp_path / "clean.npz")
    given = {**made, "clean": clean, "perturbation": ["fog:severity=1"], "attack": ["fgsm:eps=0.1"]}
    done = evaluate(given, host=host, out=tmp_path / "run")
    accuracy = {row["condition"]: row for row in done.rows if row["metric"] == "metrics/accuracy"}
    assert accuracy["clean"]["value"] == 1.0
    assert [row["source"] for row in accuracy.values()] == ["stored", "generated", "stored"]
    assert done.folder.read_manifest()["conditions"][f"{PREFIX}1"]["source"] == "stored"


def test_metrics_that_compare_get_the_clean_images_of_the_same_samples(host: Host, made: Any, tmp_path: Path) -> None:
    given = {**made, "clean": str(tmp_path / "clean.npz"), "metric": ["linear-cka:layers=[1]"], "limit": 20}
    done = evaluate({**given, "perturbation": ["fog:severity=[3,4]"]}, host=host, out=tmp_path / "run")
    values = {row["severity"]: row["value"] for row in done.rows}
    assert values[3.0] == pytest.approx(1.0)
    assert values[4.0] < 0.5


@pytest.mark.parametrize("more", [{"metric": ["linear-cka"]}, {"attack": ["fgsm:eps=0.1"]}], ids=str)
def test_what_needs_clean_images_is_refused_without_them(host: Host, made: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="needs the clean images"):
        conditions(host, made, **more)


@pytest.mark.parametrize(
    ("more", "expected"),
    [({"view": "8"}, "--view"), ({"split": "train"}, "--split"), ({"verify": True}, "--verify")],
    ids=str,
)
def test_options_that_do_not_go_with_a_stored_set(host: Host, made: Any, more: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        conditions(host, made, **more)


@pytest.mark.parametrize("more", [{"clean": "clean.npz"}, {"verify": True}], ids=str)
def test_options_that_need_a_stored_set(host: Host, made: Any, tmp_path: Path, more: Any) -> None:
    with pytest.raises(ConfigError, match=f"--{next(iter(more))}"):
        conditions(host, made, data=str(tmp_path / "clean.npz"), **more)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda images, labels: (images[1:], labels[1:]), "expected 30 samples, got 29"),
        (lambda images, labels: (images, np.roll(labels, 1)), "expected the same labels"),
        (lambda images, labels: (images[:, 1:], labels), r"expected images of shape \(1, 8, 8\)"),
    ],
)
def test_clean_data_of_other_samples_are_refused(
    host: Host, made: Any, tmp_path: Path, change: Any, expected: str
) -> None:
    with np.load(tmp_path / "clean.npz") as archive:
        images, labels = change(archive["images"], archive["labels"])
    np.savez(tmp_path / "other.npz", images=images, labels=labels)
    with pytest.raises(DataError, match=expected):
        conditions(host, made, clean=str(tmp_path / "other.npz"))


def test_other_stored_images_have_other_cells_and_are_other_data(host: Host, made: Any, tmp_path: Path) -> None:
    given = {**made, "perturbation": ["fog:severity=[1,2]"]}
    before = make_plan(parse_config(given), host)
    fog = np.load(tmp_path / "TOY-C" / "fog.npy")
    fog[N, 0, 0] ^= 1
    np.save(tmp_path / "TOY-C" / "fog.npy", fog)
    after = make_plan(parse_config(given), host)
    assert before.identity["dataset"] != after.identity["dataset"]
    assert before.identity["versions"][f"{PREFIX}1"] == after.identity["versions"][f"{PREFIX}1"]
    assert before.identity["versions"][f"{PREFIX}2"] != after.identity["versions"][f"{PREFIX}2"]
    assert not {cell.key for cell in before.cells} & {cell.key for cell in after.cells}
