"""What cannot be written, and where nothing may be written, is said before anything is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.errors import ConfigError, DataError, PluginError, RunError


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
    np.savez(tmp_path / "far.npz", images=images, labels=np.arange(len(images)) * 10**8)
    with pytest.raises(ConfigError, match="1100000001 classes") as error:
        write("far", data=str(tmp_path / "far.npz"), layout="folder")
    assert "--layout npy" in error.value.hint
    assert not (tmp_path / "far").exists()
    write("far", data=str(tmp_path / "far.npz"))


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


def test_nan_is_found_before_any_work_and_no_option_is_named_that_there_is_not(write: Any, tmp_path: Path) -> None:
    images = np.zeros((3, 16, 16), np.float32)
    images[2, 4, 4] = np.nan
    np.savez(tmp_path / "nan.npz", images=images, labels=np.arange(3))
    with pytest.raises(DataError, match="NaN or Inf in 1 samples, the first with id 2") as error:
        write(data=str(tmp_path / "nan.npz"))
    assert "with --indices" not in error.value.hint
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
