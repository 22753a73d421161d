from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from robustkit.engine.data import open_layout
from robustkit.errors import DataError

PLAIN = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.mark.parametrize("names", [PLAIN, ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte")])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_spelling_is_read(tmp_path, write_idx, grey, classes, names, suffix):
    write_idx(tmp_path / (names[0] + suffix), grey)
    write_idx(tmp_path / (names[1] + suffix), classes)
    data = open_layout(tmp_path)
    np.testing.assert_array_equal(data.read(np.array([0, 5, 11])), grey[[0, 5, 11], None])
    np.testing.assert_array_equal(data.labels, classes)


def test_split_chooses_the_files(tmp_path, write_idx, grey, classes):
    for prefix, part in (("t10k", slice(0, 4)), ("train", slice(4, 12))):
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte", grey[part])
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte", classes[part])
    assert len(open_layout(tmp_path, split="test").labels) == 4
    assert len(open_layout(tmp_path, split="train").labels) == 8
    with pytest.raises(DataError, match="split 'val'"):
        open_layout(tmp_path, split="val")


def test_direct_path_finds_the_labels_beside_it(tmp_path, write_idx, grey, classes):
    images = write_idx(tmp_path / "emnist-letters-test-images-idx3-ubyte.gz", grey)
    write_idx(tmp_path / "emnist-letters-test-labels-idx1-ubyte", classes)
    np.testing.assert_array_equal(open_layout(images).labels, classes)


def test_unpacked_file_is_preferred_to_its_packed_copy(tmp_path, write_idx, grey, classes):
    for suffix in ("", ".gz"):
        write_idx(tmp_path / (PLAIN[0] + suffix), grey)
        write_idx(tmp_path / (PLAIN[1] + suffix), classes)
    assert open_layout(tmp_path).source == str(tmp_path / PLAIN[0])


def test_two_candidates_are_ambiguous(tmp_path, write_idx, grey):
    write_idx(tmp_path / "t10k-images-idx3-ubyte", grey)
    write_idx(tmp_path / "test-images-idx3-ubyte", grey)
    with pytest.raises(DataError, match="expected one IDX file"):
        open_layout(tmp_path)


def test_missing_labels_are_named(tmp_path, write_idx, grey):
    write_idx(tmp_path / PLAIN[0], grey)
    with pytest.raises(DataError, match=PLAIN[1]):
        open_layout(tmp_path)


def test_swapped_files_show_in_the_magic_number(tmp_path, write_idx, grey, classes):
    write_idx(tmp_path / PLAIN[0], classes)
    write_idx(tmp_path / PLAIN[1], grey)
    with pytest.raises(DataError, match=r"expected the magic number 0x00000803.*got 0x00000801"):
        open_layout(tmp_path)


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content + b"\0"])
def test_wrong_length_is_refused(tmp_path, write_idx, grey, classes, change):
    images = write_idx(tmp_path / PLAIN[0], grey)
    write_idx(tmp_path / PLAIN[1], classes)
    size = len(images.read_bytes())
    images.write_bytes(change(images.read_bytes()))
    with pytest.raises(DataError, match=f"expected {size} bytes"):
        open_layout(tmp_path)


@pytest.mark.parametrize("kept", [0, 3, 9, 40])
def test_truncated_gzip_is_refused(tmp_path, write_idx, grey, classes, kept):
    images = write_idx(tmp_path / (PLAIN[0] + ".gz"), grey)
    write_idx(tmp_path / PLAIN[1], classes)
    images.write_bytes(images.read_bytes()[:kept])
    with pytest.raises(DataError, match=re.escape(str(images))):
        open_layout(tmp_path)


def test_gzip_is_told_by_content_not_by_name(tmp_path, write_idx, grey, classes):
    images = write_idx(tmp_path / PLAIN[0], grey)
    write_idx(tmp_path / PLAIN[1], classes)
    images.write_bytes(gzip.compress(images.read_bytes()))
    np.testing.assert_array_equal(open_layout(tmp_path).read(np.arange(12)), grey[:, None])


def test_empty_data_is_refused(tmp_path, write_idx, grey, classes):
    write_idx(tmp_path / PLAIN[0], grey[:0])
    write_idx(tmp_path / PLAIN[1], classes[:0])
    with pytest.raises(DataError, match="at least one"):
        open_layout(tmp_path)


@pytest.mark.shared
def test_fashion_mnist_as_published(shared):
    # Counts and sizes: README of zalandoresearch/fashion-mnist. The first label of the test set is 9 (ankle boot).
    data = open_layout(shared / "fashion-mnist")
    assert data.view.shape == (1, 28, 28)
    np.testing.assert_array_equal(np.bincount(data.labels), [1000] * 10)
    assert data.labels[0] == 9
    assert len(open_layout(shared / "fashion-mnist", split="train").labels) == 60000
