from __future__ import annotations

import numpy as np
import pytest

from robustkit.engine.data import dataset_name, open_layout
from robustkit.errors import DataError


def test_missing_path_suggests_a_sibling(tmp_path):
    (tmp_path / "fashion-mnist").mkdir()
    with pytest.raises(DataError, match=r"fashon-mnist: .* does not exist") as error:
        open_layout(tmp_path / "fashon-mnist")
    assert error.value.hint == "did you mean 'fashion-mnist'?"


def test_missing_path_without_a_likely_sibling_lists_the_folder(tmp_path):
    (tmp_path / "zzz").mkdir()
    with pytest.raises(DataError) as error:
        open_layout(tmp_path / "cifar")
    assert "holds zzz/" in error.value.hint


def test_missing_parent_is_said(tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        open_layout(tmp_path / "no" / "such")


def test_unknown_folder_says_what_was_found_and_what_is_recognised(tmp_path):
    for name in ("labels.npy", "photos.npy"):
        np.save(tmp_path / name, np.zeros(3))
    with pytest.raises(DataError, match=r"the folder holds labels\.npy, photos\.npy") as error:
        open_layout(tmp_path)
    for word in ("IDX", "npz", "images.npy", "subfolder"):
        assert word in error.value.hint


def test_empty_folder_is_said(tmp_path):
    with pytest.raises(DataError, match="the folder is empty"):
        open_layout(tmp_path)


def test_long_listings_are_cut(tmp_path):
    for i in range(9):
        (tmp_path / f"{i}.txt").touch()
    with pytest.raises(DataError, match=r"5\.txt and 3 more"):
        open_layout(tmp_path)


def test_unknown_file_is_refused(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match="another kind of file"):
        open_layout(tmp_path / "data_batch_1")


def test_home_is_expanded(tmp_path, monkeypatch, grey, classes):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "a.npz", images=grey, labels=classes)
    assert len(open_layout("~/a.npz").labels) == 12


@pytest.mark.parametrize(
    ("path", "split", "name"),
    [
        ("data/fashion-mnist", "test", "fashion-mnist/test"),
        ("data/fashion-mnist/", "train", "fashion-mnist/train"),
        ("data/cifar10-jpeg/test.npz", "test", "cifar10-jpeg/test"),
        ("CIFAR-10-C/fog.npy", "test", "CIFAR-10-C/fog"),
        ("emnist/t10k-images-idx3-ubyte.gz", "test", "emnist/t10k-images-idx3-ubyte"),
        ("emnist/t10k-images.idx3-ubyte", "test", "emnist/t10k-images.idx3-ubyte"),
        ("imagenet/val", "test", "imagenet/val"),
        ("data/pets-v1.2", "test", "pets-v1.2/test"),
        ("data/../other/mnist", "test", "mnist/test"),
    ],
)
def test_names_for_tables(path, split, name):
    assert dataset_name(path, split) == name


def test_name_of_a_bare_file_has_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "cifar").mkdir()
    monkeypatch.chdir(tmp_path / "cifar")
    assert dataset_name("test.npz", "test") == "cifar/test"
    assert dataset_name(".", "test") == "cifar"


def test_a_folder_without_splits_is_not_given_one(tmp_path):
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    (tmp_path / "digits" / "test").mkdir(parents=True)
    assert dataset_name(tmp_path / "pets", "test") == "pets"
    assert dataset_name(tmp_path / "digits", "test") == "digits/test"
