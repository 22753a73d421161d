"""A part of the data that the user names is the part that is opened, or an error."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robustkit.config import parse_config
from robustkit.engine.open_data import open_data
from robustkit.errors import ConfigError, DataError
from robustkit.host import Host, load_host

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
LABELS = np.arange(6) % 2


@pytest.fixture(scope="module")
def host() -> Host:
    return load_host(strict=True)


def opened(host: Host, path: Path, split: str) -> tuple[Any, str]:
    return open_data(parse_config({"model": "m", "data": str(path), "split": split}), host)


def archive(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=IMAGES, labels=LABELS)
    return path


def named_arrays(path: Path) -> Path:
    np.savez(
        path, **{f"{name}_{split}": of for split in ("train", "test") for name, of in (("x", IMAGES), ("y", LABELS))}
    )
    return path


def arrays(folder: Path, images: str = "images", labels: str = "labels") -> Path:
    folder.mkdir(parents=True)
    np.save(folder / f"{images}.npy", IMAGES)
    np.save(folder / f"{labels}.npy", LABELS)
    return folder


def pictures(folder: Path) -> Path:
    for place, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        path = folder / f"class{label}" / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def idx(folder: Path) -> Path:
    folder.mkdir()
    for name, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS.astype(np.uint8))):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / f"t10k-{name}-ubyte").write_bytes(header + array.tobytes())
    return folder


def table(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("label\ttext\n" + "0\ta\n1\tb\n")
    return path


WHOLE: dict[str, Callable[[Path], Path]] = {
    "one archive": lambda place: archive(place / "d.npz"),
    "arrays in a folder": lambda place: arrays(place / "d"),
    "one array": lambda place: arrays(place / "d", images="photos") / "photos.npy",
    "classes in a folder": lambda place: pictures(place / "d"),
    "a table": lambda place: table(place / "d.tsv"),
}

DIVIDED: dict[str, Callable[[Path], Path]] = {
    "arrays in an archive": lambda place: named_arrays(place / "d.npz"),
    "arrays in a folder": lambda place: arrays(place / "d", "x_test", "y_test"),
    "an archive each": lambda place: archive(place / "d" / "test.npz").parent,
    "a folder each": lambda place: pictures(place / "d" / "test").parent,
    "IDX": lambda place: idx(place / "d"),
    "a table each": lambda place: table(place / "d" / "test.tsv").parent,
}

ONE_PART: dict[str, Callable[[Path], Path]] = {
    "an archive": lambda place: archive(place / "test.npz"),
    "a folder": lambda place: pictures(place / "test"),
    "a table": lambda place: table(place / "test.tsv"),
    "IDX": lambda place: idx(place / "d") / "t10k-images-idx3-ubyte",
}


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("split", ["banana", "test"])
def test_no_part_is_chosen_of_data_that_have_none(host: Host, tmp_path: Path, form: str, split: str) -> None:
    path = WHOLE[form](tmp_path)
    with pytest.raises(ConfigError, match=f"'{split}' cannot be chosen") as error:
        opened(host, path, split)
    assert str(path) in error.value.message
    assert len(opened(host, path, "")[0].labels) > 0


@pytest.mark.parametrize("form", DIVIDED)
def test_a_part_is_chosen_of_data_that_are_divided(host: Host, tmp_path: Path, form: str) -> None:
    path = DIVIDED[form](tmp_path)
    assert opened(host, path, "test")[0].fingerprint() == opened(host, path, "")[0].fingerprint()
    with pytest.raises((ConfigError, DataError), match="banana"):
        opened(host, path, "banana")


@pytest.mark.parametrize("form", ONE_PART)
def test_a_path_to_one_part_may_be_called_by_its_name(host: Host, tmp_path: Path, form: str) -> None:
    path = ONE_PART[form](tmp_path)
    assert opened(host, path, "test")[0].fingerprint() == opened(host, path, "")[0].fingerprint()
    with pytest.raises(ConfigError, match="'train' cannot be chosen"):
        opened(host, path, "train")
