"""Writing -C sets: the published layouts, what is generated is what is stored, resume, and what is refused."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from robustkit import CorruptedSet, Keys, corrupt, evaluate
from robustkit.config import parse_config
from robustkit.engine.data.stored import manifest as stored_manifest
from robustkit.engine.data.stored import open_stored_set
from robustkit.engine.perturb import perturb
from robustkit.engine.plan import make_plan
from robustkit.errors import ConfigError, DataError, PluginError, RunError
from robustkit.host import Host, load_host
from robustkit.store import RunFolder

N = 12
ALL = ["fog:severity=1..5", "gaussian-noise:severity=1..5"]


@pytest.fixture(scope="module")
def host() -> Host:
    return load_host(strict=True)


@pytest.fixture
def images() -> np.ndarray[Any, Any]:
    """Twelve colour images (N, 16, 20, 3)."""
    return np.random.default_rng(0).integers(0, 256, (N, 16, 20, 3), dtype=np.uint8)


@pytest.fixture
def labels() -> np.ndarray[Any, Any]:
    return np.arange(N)[::-1] % 3


@pytest.fixture
def data(tmp_path: Path, images: Any, labels: Any) -> Path:
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    return tmp_path / "data.npz"


@pytest.fixture
def folder(tmp_path: Path, images: Any, labels: Any) -> Path:
    """The same images as files, the classes called as WordNet calls them."""
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "photos" / f"n0{label}" / f"ILSVRC_{place:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "photos"


@pytest.fixture
def write(host: Host, data: Path, tmp_path: Path) -> Callable[..., CorruptedSet]:
    def call(out: str = "set", *, resume: bool = False, watcher: Any = None, **more: Any) -> CorruptedSet:
        given = {"data": str(data), "perturbation": ALL, "device": "cpu", **more}
        return corrupt(given, out=tmp_path / out, resume=resume, host=host, watcher=watcher)

    return call


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    weight = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 16 * 20 * 3)).astype(np.float32))
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(960, 3))\n"
    )
    save_file({"1.weight": weight, "1.bias": torch.zeros(3)}, tmp_path / "model.safetensors")
    checkpoint = {"checkpoint": str(tmp_path / "model.safetensors"), "model": f"{tmp_path / 'net.py'}:build"}
    return {"model": [checkpoint], "device": "cpu"}


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


def test_the_digest_of_a_folder_is_what_sha256sum_says(write: Any, folder: Path) -> None:
    done = write(data=str(folder), perturbation=["fog:severity=2"])
    (done.path / "fog" / "2" / "n00" / ".DS_Store").write_text("of a file manager")
    page = (Path(__file__).parents[3] / "docs" / "corrupting-data.md").read_text("utf8")
    command = page.partition("cd fog/3 && ")[2].partition("\n")[0]
    printed = subprocess.run(
        command, shell=True, cwd=done.path / "fog" / "2", capture_output=True, text=True, check=True
    ).stdout
    assert printed.split()[0] == done.manifest["parts"]["fog/2"]["sha256"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def plan_of(host: Host, model: Any, done: CorruptedSet, **more: Any) -> Any:
    return make_plan(parse_config({**model, "data": str(done.path), **more}), host)


@pytest.mark.parametrize("large", [False, True])
def test_one_flipped_byte_of_an_array_is_found(
    host: Host, write: Any, model: Any, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    done = write()
    flip(done.path / "fog.npy")
    if large:
        monkeypatch.setattr(stored_manifest, "SMALL", 100)
        plan_of(host, model, done)
    with pytest.raises(DataError, match=r"fog\.npy: expected the sha256"):
        plan_of(host, model, done, verify=large)
    plan_of(host, model, done, perturbation=["gaussian-noise"], verify=True)


def test_one_flipped_byte_of_a_file_is_found(host: Host, write: Any, model: Any, folder: Path) -> None:
    done = write(data=str(folder), perturbation=["fog:severity=[2,3]"])
    flip(next((done.path / "fog" / "3").rglob("*.png")))
    with pytest.raises(DataError, match="fog/3: expected the sha256"):
        plan_of(host, model, done)
    plan_of(host, model, done, perturbation=["fog:severity=2"])


def test_an_array_of_another_length_or_one_that_is_not_listed_is_refused(host: Host, write: Any, model: Any) -> None:
    done = write()
    shutil.copy(done.path / "fog.npy", done.path / "snow.npy")
    with pytest.raises(DataError, match=r"snow\.npy: expected only parts that manifest\.json lists"):
        plan_of(host, model, done)
    (done.path / "snow.npy").unlink()
    with (done.path / "fog.npy").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DataError, match=r"bytes, as manifest\.json says"):
        plan_of(host, model, done)


def test_a_part_that_is_gone_is_said_where_all_are_wanted(host: Host, write: Any, model: Any, folder: Path) -> None:
    done = write()
    (done.path / "fog.npy").unlink()
    with pytest.raises(DataError, match=r"manifest\.json lists fog\.npy, which is not there") as error:
        plan_of(host, model, done)
    assert "-p" in error.value.hint
    plan_of(host, model, done, perturbation=["gaussian-noise"])
    done = write("files", data=str(folder), perturbation=["fog:severity=[2,3]"])
    shutil.rmtree(done.path / "fog" / "3")
    with pytest.raises(DataError, match="lists fog/3, which is not there"):
        plan_of(host, model, done)


def test_foreign_files_in_a_folder_of_a_set(host: Host, write: Any, model: Any, folder: Path) -> None:
    done = write(data=str(folder), perturbation=["fog:severity=2"])
    for hidden in (".DS_Store", "n00/._ILSVRC_0001.png"):
        (done.path / "fog" / "2" / hidden).write_text("of a file manager")
    plan_of(host, model, done)
    (done.path / "fog" / "2" / "n00" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"fog/2: expected 12 files, as manifest\.json says, got 13") as error:
        plan_of(host, model, done)
    assert "remove" in error.value.hint
    (done.path / "fog" / "2" / "n00" / "notes.txt").unlink()
    (done.path / "snow" / "2" / "n00").mkdir(parents=True)
    with pytest.raises(DataError, match=r"snow/2: expected only parts that manifest\.json lists"):
        plan_of(host, model, done)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m | {"samples": {"n": 2, "ids": [0]}}, "not as robustkit writes it"),
        (lambda m: m | {"samples": {"n": 2, "ids": [0, 0.5]}}, "not as robustkit writes it"),
        (lambda m: m | {"seed": "1"}, "not as robustkit writes it"),
        (lambda m: m | {"seed": 1.5}, "not as robustkit writes it"),
        (lambda m: m | {"status": "not finished"}, "was not finished"),
        (lambda m: m | {"set_schema": 9}, "schema 1, got 9"),
        (lambda m: m | {"parts": {"fog.npy": {}}}, "not as robustkit writes it"),
        (lambda m: m | {"parts": []}, "not as robustkit writes it"),
        (lambda m: m | {"samples": {"ids": [99]}}, "not as robustkit writes it"),
        (lambda m: {key: value for key, value in m.items() if key != "dataset"}, "not as robustkit writes it"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(
    host: Host, write: Any, model: Any, change: Any, expected: str
) -> None:
    done = write()
    (done.path / "manifest.json").write_text(json.dumps(change(done.manifest)))
    with pytest.raises(DataError, match=expected):
        plan_of(host, model, done)


def test_a_name_in_a_manifest_is_no_place_for_other_things(host: Host, write: Any, model: Any) -> None:
    done = write()
    done.manifest["parts"]["fog.npy"]["component"] = "a/b:severity=1,\n"
    (done.path / "manifest.json").write_text(json.dumps(done.manifest))
    with pytest.raises(DataError, match="is no component"):
        plan_of(host, model, done)


class Killer:
    """A watcher that stops the work after so many images."""

    def __init__(self, after: int) -> None:
        self.left = after

    def noted(self, text: str) -> None:
        pass

    def started(self, total: int) -> None:
        pass

    def written(self, n: int, what: str) -> None:
        self.left -= n
        if self.left < 0:
            raise KeyboardInterrupt


def contents(path: Path) -> dict[str, bytes]:
    found = {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}
    found.pop("manifest.json")
    return found


@pytest.mark.parametrize("layout", ["npy", "folder"])
@pytest.mark.parametrize("after", [0, 30, 70, 119])
def test_a_killed_set_goes_on_and_ends_with_the_same_bytes(
    host: Host, write: Any, model: Any, layout: str, after: int
) -> None:
    whole = write("whole", layout=layout)
    with pytest.raises(KeyboardInterrupt):
        write("killed", layout=layout, watcher=Killer(after))
    with pytest.raises(ConfigError, match="holds a set already"):
        write("killed", layout=layout)
    killed = whole.path.with_name("killed")
    assert not [path for path in killed.rglob(".*") if path.is_file()]
    with pytest.raises(DataError, match="not finished"):
        plan_of(host, model, CorruptedSet(path=killed, manifest={}))
    before = {path: path.stat().st_mtime_ns for path in killed.rglob("*.npy") if path.name != "labels.npy"}
    done = write("killed", layout=layout, resume=True)
    assert contents(done.path) == contents(whole.path)
    assert done.manifest["parts"] == whole.manifest["parts"]
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


def test_a_file_that_a_power_cut_left_empty_is_written_again(write: Any) -> None:
    whole = write("whole", layout="folder")
    with pytest.raises(KeyboardInterrupt):
        write("killed", layout="folder", watcher=Killer(70))
    next((whole.path.with_name("killed") / "fog" / "1").rglob("*.png")).write_bytes(b"")
    assert contents(write("killed", layout="folder", resume=True).path) == contents(whole.path)


def test_a_finished_set_is_left_alone_and_mended_where_a_file_is_gone(write: Any) -> None:
    done = write()
    before = contents(done.path)
    assert write(resume=True).manifest == done.manifest
    for name in ("fog.npy", "labels.npy"):
        (done.path / name).unlink()
        assert contents(write(resume=True).path) == before
    (done.path / "fog.npy").write_bytes(before["fog.npy"][:1000])
    assert contents(write(resume=True).path) == before
    assert write(resume=True).manifest["parts"] == done.manifest["parts"]


def test_a_finished_set_of_files_is_mended_where_one_is_gone(write: Any) -> None:
    done = write(layout="folder")
    before = contents(done.path)
    next((done.path / "fog" / "3").rglob("*.png")).unlink()
    next((done.path / "fog" / "4").rglob("*.png")).write_bytes(b"")
    assert contents(write(layout="folder", resume=True).path) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m | {"identity": None},
        lambda m: m | {"identity": [1]},
        lambda m: m | {"parts": None},
        lambda m: m | {"parts": [1]},
        lambda m: m | {"parts": {"fog.npy": None}},
        lambda m: m | {"parts": {"fog.npy": {"sha256": "0"}}},
    ],
)
@pytest.mark.parametrize("status", ["finished", "not finished"])
def test_a_damaged_manifest_is_said_when_a_set_is_to_go_on(write: Any, change: Any, status: str) -> None:
    done = write()
    before = contents(done.path)
    (done.path / "manifest.json").write_text(json.dumps(change(done.manifest) | {"status": status}))
    with pytest.raises(DataError, match=r"manifest\.json is not as robustkit writes it") as error:
        write(resume=True)
    assert "another --out" in error.value.hint
    assert contents(done.path) == before


@pytest.mark.parametrize("more", [{"seed": 1}, {"perturbation": ALL[:1]}, {"limit": 3}, {"layout": "folder"}], ids=str)
def test_another_set_is_not_continued(write: Any, more: Any) -> None:
    write()
    with pytest.raises(ConfigError, match=r"holds another set: it differs in (conditions|data|samples|seed|layout)"):
        write(resume=True, **more)


def test_nothing_is_overwritten(write: Any, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(ConfigError, match="not empty"):
            write(resume=resume)
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file, not a folder"):
        write("file")


def test_a_set_does_not_go_into_its_own_data(write: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    for out in ("photos/set", "photos/n00/set", "link/set"):
        with pytest.raises(ConfigError, match="lies in the data") as error:
            write(out, data=str(folder))
        assert "beside" in error.value.hint
        assert not (tmp_path / out).exists()
    write("beside", data=str(tmp_path / "data.npz"))


def test_a_class_by_a_number_that_no_folder_can_have_is_refused(write: Any, tmp_path: Path, images: Any) -> None:
    np.savez(tmp_path / "far.npz", images=images, labels=np.arange(N) * 10**8)
    with pytest.raises(ConfigError, match="1100000001 classes") as error:
        write("far", data=str(tmp_path / "far.npz"), layout="folder")
    assert "--layout npy" in error.value.hint
    assert not (tmp_path / "far").exists()
    write("far", data=str(tmp_path / "far.npz"))


@pytest.mark.parametrize("layout", ["npy", "folder"])
def test_a_full_disk_is_said_and_leaves_no_half_file(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    real = Path.replace
    left = [3 if layout == "npy" else 20]

    def full(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left on device") as error:
        write(layout=layout)
    assert "--resume" in error.value.hint
    assert not list((tmp_path / "set").rglob(".*"))
    monkeypatch.undo()
    assert contents(write(layout=layout, resume=True).path) == contents(write("whole", layout=layout).path)


def test_a_set_that_cannot_fit_is_not_begun(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**6, 10**6, 1000))
    with pytest.raises(RunError, match=r"needs 0\.1 MB more, and 0\.0 MB are free"):
        write()
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"perturbation": []}, "no perturbation"),
        ({"perturbation": ["foog"]}, "foog"),
        ({"perturbation": ["fog:severity=6"]}, "severity"),
        ({"perturbation": ["fog:severity=-1"]}, "severity"),
        ({"perturbation": ["fog:severity=0..4"]}, "whole severities from 1"),
        ({"perturbation": ["fog:severity=[1,2.5]"]}, "whole severities from 1"),
        ({"perturbation": ["fog:severity=1..3"]}, "severities 1 to 5 in one array"),
        ({"perturbation": ["fog:profile=imagnet"]}, "profile"),
        ({"perturbation": ["fog", "fog:profile=imagenet"]}, "differ in more than their severity"),
        ({"perturbation": ["keyboard"]}, "text data"),
        ({"jpeg": 85}, "--jpeg 85 is for image files"),
        ({"jpeg": 101, "layout": "folder"}, "jpeg"),
        ({"jpeg": 85, "layout": "folder", "perturbation": ["fog:storage_jpeg=85"]}, "compress twice"),
        ({"layout": "hdf5"}, "layout"),
        ({"limit": 0}, "limit"),
        ({"seed": -1}, "seed"),
        ({"view": "224x"}, "view"),
        ({"data": "zoo/debian-sections"}, "holds texts"),
        ({"sead": 1}, "seed"),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_refused(write: Any, tmp_path: Path, more: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        write(**more)
    assert expected in error.value.message + error.value.hint
    assert not (tmp_path / "set").exists()


def test_images_that_no_corruption_is_defined_for_are_refused(write: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "tiny.npz", images=np.zeros((2, 4, 4), np.uint8), labels=np.arange(2))
    with pytest.raises(ConfigError, match="4x4"):
        write(data=str(tmp_path / "tiny.npz"))
    np.savez(tmp_path / "four.npz", images=np.zeros((2, 16, 16, 4), np.uint8), labels=np.arange(2))
    with pytest.raises(ConfigError, match="images of 1, 3 channels"):
        write(data=str(tmp_path / "four.npz"), layout="folder")
    assert not (tmp_path / "set").exists()


def test_missing_photographs_of_frost_are_found_before_any_work(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTKIT_FROST", str(tmp_path / "nowhere"))
    with pytest.raises(PluginError, match="frost"):
        write(perturbation=["corruptions/common"])
    assert not (tmp_path / "set").exists()


def test_a_stored_set_is_not_corrupted_again(write: Any) -> None:
    done = write()
    with pytest.raises(DataError, match="stored -C set"):
        write("twice", data=str(done.path))
