"""Sets have the published layouts, and hold what an evaluation generates."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from robustkit import Keys, evaluate, load_report
from robustkit.engine.data.stored import open_stored_set
from robustkit.engine.perturb import perturb
from robustkit.errors import DataError
from robustkit.host import Host
from robustkit.store import RunFolder

N = 12
ALL = ["fog:severity=1..5", "gaussian-noise:severity=1..5"]
"""How many images `data` has, and what `write` does to them."""


def records(run: RunFolder) -> dict[tuple[str, float], dict[str, Any]]:
    """Return the records of each perturbed cell by component and severity."""
    manifest = run.read_manifest()
    found = {}
    for cell in manifest["cells"]:
        facts = manifest["conditions"][cell["condition"]]
        if facts["kind"] == "perturbation":
            found[facts["component"], facts["severity"]] = run.read_cell(cell["key"], manifest["chunks"])
    return found


def assert_same(stored: RunFolder, generated: RunFolder, rows: Any) -> None:
    """Assert that row i of the stored set and sample rows[i] gave the model the same bytes."""
    one, other = records(stored), records(generated)
    assert one.keys() == other.keys()
    assert len(one) == 10
    for key, found in one.items():
        for column in ("input_hash", "prediction", "label", "nll"):
            np.testing.assert_array_equal(found[column], other[key][column][rows], err_msg=f"{key} {column}")


def test_the_arrays_have_the_published_layout(host: Host, write: Any, images: Any, labels: Any) -> None:
    done = write(seed=7)
    assert sorted(path.name for path in done.path.iterdir()) == [
        "fog.npy",
        "gaussian_noise.npy",
        "labels.npy",
        "manifest.json",
    ]
    np.testing.assert_array_equal(np.load(done.path / "labels.npy"), np.tile(labels, 5))
    stored = np.load(done.path / "gaussian_noise.npy")
    assert (stored.dtype, stored.shape) == (np.uint8, (5 * N, 16, 20, 3))
    entry = host.catalog.find("perturbation", "corruptions/gaussian-noise")
    keys = Keys(
        seed=7, stream="corruptions/gaussian-noise", version=entry.component.stream_version, ids=torch.arange(N)
    )
    clean = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    for severity in range(1, 6):
        expected = perturb(host.build(entry, {"profile": "cifar"}), clean, keys, severity).permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(stored[(severity - 1) * N : severity * N], expected)
    assert (stored != np.load(write("other", seed=8).path / "gaussian_noise.npy")).any()


def test_stored_arrays_are_what_an_evaluation_generates(
    host: Host, write: Any, model: Any, data: Path, tmp_path: Path
) -> None:
    done = write()
    stored = evaluate({**model, "data": str(done.path), "clean": str(data)}, host=host, out=tmp_path / "a")
    generated = evaluate({**model, "data": str(data), "perturbation": ALL}, host=host, out=tmp_path / "b")
    assert_same(stored.folder, generated.folder, np.arange(N))
    clean = [[row for row in run.rows if row["condition"] == "clean"] for run in (stored, generated)]
    assert [row["value"] for row in clean[0]] == [row["value"] for row in clean[1]]
    facts = stored.folder.read_manifest()["conditions"]["corruptions/fog:source=stored,severity=2"]
    assert facts["written_as"] in generated.folder.read_manifest()["conditions"]
    assert facts["tags"] == ["common"]


def test_the_quality_of_files_is_told(host: Host, write: Any, model: Any, folder: Path, tmp_path: Path) -> None:
    done = write(data=str(folder), jpeg=30)
    evaluate({**model, "data": str(done.path)}, host=host, out=tmp_path / "run")
    (study,) = load_report(tmp_path / "run").studies
    (table,) = [each for each in study.tables if each.id == "corruption-error"]
    assert "(profile cifar, mode reference), as JPEG of quality 30 holds them" in table.caption
    changed = json.loads((done.path / "manifest.json").read_text()) | {"jpeg": "30"}
    (done.path / "manifest.json").write_text(json.dumps(changed))
    with pytest.raises(DataError, match="not as robustkit writes it"):
        open_stored_set(done.path)


def test_a_stored_set_has_corruption_errors(host: Host, write: Any, model: Any, data: Path, tmp_path: Path) -> None:
    done = write()
    for name in ("written", "published"):
        evaluate({**model, "data": str(done.path), "clean": str(data)}, host=host, out=tmp_path / name)
        (study,) = load_report(tmp_path / name).studies
        (table,) = [each for each in study.tables if each.id == "corruption-error"]
        assert [column.title for column in table.columns][2:] == [
            "mean corruption error (2 of 15)",
            "fog",
            "gaussian noise",
        ]
        told = "stored files that robustkit wrote (profile cifar, mode reference)"
        assert told in table.caption if name == "written" else "are stored files." in table.caption
        (done.path / "manifest.json").unlink(missing_ok=True)


def test_a_part_of_the_data_keeps_its_noise_and_finds_its_clean_images(
    host: Host, write: Any, model: Any, data: Path, tmp_path: Path
) -> None:
    done = write(limit=5)
    assert done.manifest["samples"] == {"n": 5, "ids": [0, 2, 4, 7, 9]}
    stored = evaluate({**model, "data": str(done.path), "clean": str(data)}, host=host, out=tmp_path / "a")
    given = {**model, "data": str(data), "perturbation": ALL, "limit": 5}
    generated = evaluate(given, host=host, out=tmp_path / "b")
    assert_same(stored.folder, generated.folder, np.arange(5))


def test_files_of_arrays_are_sorted_by_class_and_find_their_clean_images(
    host: Host, write: Any, model: Any, data: Path, tmp_path: Path, labels: Any
) -> None:
    done = write(layout="folder")
    order = done.manifest["samples"]["ids"]
    assert order == sorted(range(N), key=lambda sample: (labels[sample], sample))
    assert (done.path / "fog" / "3" / "2" / "00.png").is_file() is bool(labels[0] == 2)
    stored = evaluate({**model, "data": str(done.path), "clean": str(data)}, host=host, out=tmp_path / "a")
    generated = evaluate({**model, "data": str(data), "perturbation": ALL}, host=host, out=tmp_path / "b")
    assert_same(stored.folder, generated.folder, order)


def test_files_of_a_folder_keep_their_names(host: Host, write: Any, model: Any, folder: Path, tmp_path: Path) -> None:
    done = write(data=str(folder))
    assert done.manifest["layout"] == "folder"
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.png"))
    for part in ("fog/1", "gaussian_noise/5"):
        assert sorted(path.relative_to(done.path / part) for path in (done.path / part).rglob("*.png")) == names
    stored = evaluate({**model, "data": str(done.path), "clean": str(folder)}, host=host, out=tmp_path / "a")
    generated = evaluate({**model, "data": str(folder), "perturbation": ALL}, host=host, out=tmp_path / "b")
    assert_same(stored.folder, generated.folder, np.arange(N))


def test_jpeg_files_hold_what_storage_jpeg_generates(
    host: Host, write: Any, model: Any, folder: Path, tmp_path: Path
) -> None:
    done = write(data=str(folder), jpeg=85)
    file = next((done.path / "fog" / "1" / "n00").iterdir())
    assert file.suffix == ".JPEG"
    assert file.read_bytes().startswith(b"\xff\xd8\xff")
    stored = evaluate({**model, "data": str(done.path), "clean": str(folder)}, host=host, out=tmp_path / "a")
    for quality, same in ((85, True), (0, False)):
        given = [f"{text},storage_jpeg={quality}" for text in ALL]
        generated = evaluate(
            {**model, "data": str(folder), "perturbation": given}, host=host, out=tmp_path / f"b{quality}"
        )
        if same:
            assert_same(stored.folder, generated.folder, np.arange(N))
        else:
            with pytest.raises(AssertionError, match="input_hash"):
                assert_same(stored.folder, generated.folder, np.arange(N))


def test_a_class_without_samples_is_still_a_class(host: Host, write: Any, folder: Path) -> None:
    (folder / "m00").mkdir()
    done = write(data=str(folder), perturbation=["fog:severity=2"])
    part = open_stored_set(done.path).open("fog", 2)
    assert part.class_names == ("m00", "n00", "n01", "n02")
    assert set(part.labels) == {1, 2, 3}


def test_two_files_that_differ_in_their_suffix_stay_two(write: Any, folder: Path, images: Any) -> None:
    source = next((folder / "n01").glob("*.png"))
    Image.fromarray(images[0]).save(source.with_suffix(".bmp"))
    done = write(data=str(folder), perturbation=["fog:severity=2"])
    assert done.manifest["parts"]["fog/2"]["files"] == N + 1
    assert len(list((done.path / "fog" / "2").rglob("*.png"))) == N + 1


def test_grey_images_and_floats(write: Any, tmp_path: Path, images: Any, labels: Any) -> None:
    np.savez(tmp_path / "grey.npz", images=images[..., 0], labels=labels)
    np.savez(tmp_path / "float.npz", images=images[..., 0].astype(np.float64) / 255, labels=labels)
    one = np.load(write("a", data=str(tmp_path / "grey.npz")).path / "fog.npy")
    other = write("b", data=str(tmp_path / "float.npz"))
    assert one.shape == (5 * N, 16, 20)
    np.testing.assert_array_equal(one, np.load(other.path / "fog.npy"))
    assert "rounded" in other.manifest["notes"][0]


def test_the_manifest_says_what_was_written_and_how(write: Any, data: Path) -> None:
    done = write()
    manifest = json.loads((done.path / "manifest.json").read_text("utf8"))
    assert manifest["status"] == "finished"
    part = manifest["parts"]["fog.npy"]
    content = (done.path / "fog.npy").read_bytes()
    assert (part["bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert part["conditions"]["3"].startswith("corruptions/fog:mode=reference,profile=cifar,storage-jpeg=0")
    assert manifest["seed"] == 0
    assert {"name": "corruptions", "dist": "robustkit", "version": "0.1.0"} in manifest["plugins"]


def test_the_digest_of_a_folder_is_what_sha256sum_says(write: Any, folder: Path, root: Path) -> None:
    done = write(data=str(folder), perturbation=["fog:severity=2"])
    (done.path / "fog" / "2" / "n00" / ".DS_Store").write_text("of a file manager")
    page = (root / "docs" / "corrupting-data.md").read_text("utf8")
    command = page.partition("cd fog/3 && ")[2].partition("\n")[0]
    printed = subprocess.run(
        command, shell=True, cwd=done.path / "fog" / "2", capture_output=True, text=True, check=True
    ).stdout
    assert printed.split()[0] == done.manifest["parts"]["fog/2"]["sha256"]
