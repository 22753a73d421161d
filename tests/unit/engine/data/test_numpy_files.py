from __future__ import annotations

import pickle
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from robustkit.engine.data import open_layout
from robustkit.errors import DataError


@pytest.mark.parametrize(
    "names",
    [("images", "labels"), ("x", "y"), ("data", "labels"), ("x_test", "y_test"), ("test_images", "test_labels")],
)
def test_npz_and_npy_know_the_same_names(tmp_path, colour, classes, names):
    arrays = dict(zip(names, (colour, classes), strict=True))
    np.savez(tmp_path / "some.npz", **arrays)
    (tmp_path / "folder").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    for path in (tmp_path / "some.npz", tmp_path / "folder"):
        data = open_layout(path)
        np.testing.assert_array_equal(data.read(np.arange(12)), colour.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(data.labels, classes)


def test_split_chooses_the_arrays(tmp_path, colour, classes):
    np.savez(tmp_path / "a.npz", x_train=colour, y_train=classes, x_test=colour[:3], y_test=classes[:3])
    assert len(open_layout(tmp_path / "a.npz", split="train").labels) == 12
    assert len(open_layout(tmp_path / "a.npz", split="test").labels) == 3
    with pytest.raises(DataError, match="split 'val'; got x_train, y_train, x_test, y_test"):
        open_layout(tmp_path / "a.npz", split="val")


def test_folder_with_one_archive_a_split(tmp_path, colour, classes):
    np.savez(tmp_path / "train.npz", images=colour, labels=classes)
    np.savez_compressed(tmp_path / "test.npz", images=colour[:5], labels=classes[:5])
    assert len(open_layout(tmp_path).labels) == 5
    assert len(open_layout(tmp_path, split="train").labels) == 12


def test_single_npy_takes_the_labels_beside_it(tmp_path, colour, classes):
    np.save(tmp_path / "foggy.npy", colour)
    np.save(tmp_path / "labels.npy", classes)
    np.testing.assert_array_equal(
        open_layout(tmp_path / "foggy.npy").read(np.array([2])), colour[[2]].transpose(0, 3, 1, 2)
    )
    with pytest.raises(DataError, match="got the labels"):
        open_layout(tmp_path / "labels.npy")


def test_single_npy_without_labels_is_refused(tmp_path, colour):
    np.save(tmp_path / "foggy.npy", colour)
    with pytest.raises(DataError, match=r"expected labels\.npy beside it.*holds foggy\.npy"):
        open_layout(tmp_path / "foggy.npy")


@pytest.mark.parametrize("where", ["images.npy", "labels.npy", "data.npz"])
def test_pickled_objects_are_refused_and_never_run(tmp_path, colour, classes, where):
    ran = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (ran.touch, ())

    bombs = np.array([Bomb()] * 12, dtype=object)
    np.save(tmp_path / "images.npy", colour)
    np.save(tmp_path / "labels.npy", classes)
    if where == "data.npz":
        np.savez(tmp_path / where, images=bombs, labels=classes)
    else:
        np.save(tmp_path / where, bombs)
    with pytest.raises(DataError) as error:
        open_layout(tmp_path / "data.npz" if where == "data.npz" else tmp_path)
    assert where in error.value.message
    assert "unpickles" in error.value.hint
    assert not ran.exists()


def test_bare_pickle_under_a_npy_name_is_refused(tmp_path, classes):
    (tmp_path / "images.npy").write_bytes(pickle.dumps([1, 2, 3]))
    np.save(tmp_path / "labels.npy", classes)
    with pytest.raises(DataError, match=r"images\.npy"):
        open_layout(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 60, 500, 2000])
def test_truncated_npy_is_refused(tmp_path, colour, classes, kept):
    np.save(tmp_path / "images.npy", colour)
    np.save(tmp_path / "labels.npy", classes)
    path = tmp_path / "images.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=re.escape(str(path))):
        open_layout(tmp_path)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_archive_is_refused_or_unharmed(tmp_path, colour, classes, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=colour, labels=classes)
    content = bytearray(path.read_bytes())
    if seed % 2:
        content = content[: rng.integers(len(content))]
    else:
        content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
    path.write_bytes(content)
    error = None
    try:
        data = open_layout(path)
    except DataError as refused:
        error = refused.message
    if error is None:
        np.testing.assert_array_equal(data.read(np.arange(12)), colour.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(data.labels, classes)
    else:
        assert str(path) in error


def test_archive_and_array_under_each_others_name(tmp_path, colour, classes):
    np.savez(tmp_path / "a.npz", images=colour, labels=classes)
    (tmp_path / "a.npz").rename(tmp_path / "images.npy")
    np.save(tmp_path / "labels.npy", classes)
    with pytest.raises(DataError, match=r"got a \.npz archive"):
        open_layout(tmp_path)
    (tmp_path / "labels.npy").rename(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"b\.npz: expected a \.npz archive, got a single array"):
        open_layout(tmp_path / "b.npz")


def test_zip_that_is_no_archive_of_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match=r"got readme\.txt"):
        open_layout(tmp_path / "a.npz")


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory from /proc")
def test_npy_is_mapped_and_never_read_whole(tmp_path):
    # A sparse file of 7.5 GB, the size of ImageNet's validation set at 224.
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 224, 224, 3), np.uint8))
    header["shape"] = (50_000, 224, 224, 3)
    with (tmp_path / "images.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 50_000 * 224 * 224 * 3)
    np.save(tmp_path / "labels.npy", np.arange(50_000) % 1000)
    # VmHWM and not getrusage's ru_maxrss: the latter starts from the peak of the process that started this one.
    code = (
        "import sys, numpy as np\n"
        "from robustkit.engine.data import open_layout, select_ids, check_pixels\n"
        "data = open_layout(sys.argv[1])\n"
        "ids = select_ids(50_000, limit=20, indices=None)\n"
        "check_pixels(data, ids)\n"
        "assert data.read(ids).shape == (20, 3, 224, 224)\n"
        "assert data.read(np.arange(49_000, 49_064)).shape == (64, 3, 224, 224)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 400_000  # kilobytes; the file has 7.5 million


@pytest.mark.shared
def test_cifar10_jpeg_as_described(shared):
    # Counts: README of the data, 2,000 balanced images.
    data = open_layout(shared / "cifar10-jpeg" / "test.npz")
    assert data.view.shape == (3, 32, 32)
    np.testing.assert_array_equal(np.bincount(data.labels), [200] * 10)
    with np.load(shared / "cifar10-jpeg" / "test.npz") as archive:
        np.testing.assert_array_equal(
            data.read(np.array([7, 1999])), archive["images"][[7, 1999]].transpose(0, 3, 1, 2)
        )


def test_a_pipe_is_refused_and_not_waited_for(tmp_path, classes):
    import os

    os.mkfifo(tmp_path / "images.npy")
    np.save(tmp_path / "labels.npy", classes)
    with pytest.raises(DataError, match="neither a file nor a folder"):
        open_layout(tmp_path)
