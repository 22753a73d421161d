from __future__ import annotations

import numpy as np
import pytest

from robustkit.engine.data import NumpyDataset, check_pixels
from robustkit.errors import DataError


def dataset(images, labels=None, **options):
    labels = np.zeros(len(images), np.int64) if labels is None else labels
    return NumpyDataset(images=images, labels=labels, **options)


@pytest.mark.parametrize(
    ("stored", "handed_out"),
    [
        ((2, 28, 29), (2, 1, 28, 29)),
        ((2, 28, 29, 1), (2, 1, 28, 29)),
        ((2, 28, 29, 3), (2, 3, 28, 29)),
        ((2, 3, 28, 29), (2, 3, 28, 29)),
        ((2, 4, 28, 29), (2, 4, 28, 29)),
        ((2, 4, 5, 3), (2, 3, 4, 5)),
        ((2, 3, 4, 4), (2, 3, 4, 4)),
    ],
)
def test_axes_are_told_from_the_shape(stored, handed_out):
    data = dataset(np.zeros(stored, np.uint8))
    assert data.read(np.arange(2)).shape == handed_out
    assert data.view.shape == handed_out[1:]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 5, 3), "fits two"),
        ((2, 4, 5, 4), "fits two"),
        ((2, 5, 6, 7), "c in 1, 3, 4"),
        ((2, 784), "got"),
        ((2,), "got"),
        ((2, 1, 3, 4, 4), "got"),
    ],
)
def test_unclear_shapes_are_refused(shape, message):
    with pytest.raises(DataError, match=message):
        dataset(np.zeros(shape, np.uint8))


def test_flattened_images_get_a_hint():
    with pytest.raises(DataError) as error:
        dataset(np.zeros((2, 784), np.uint8))
    assert "reshape" in error.value.hint


def test_stated_layout_settles_what_the_shape_leaves_open():
    images = np.arange(2 * 3 * 5 * 3, dtype=np.uint8).reshape(2, 3, 5, 3)
    np.testing.assert_array_equal(dataset(images, layout="NCHW").read(np.arange(2)), images)
    np.testing.assert_array_equal(dataset(images, layout="NHWC").read(np.arange(2)), np.moveaxis(images, 3, 1))
    assert dataset(np.zeros((2, 13, 5, 6), np.uint8), layout="NCHW").view.channels == 13
    with pytest.raises(DataError, match="laid out as NHW"):
        dataset(images, layout="NHW")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_become_float32(dtype):
    images = np.linspace(0, 1, 24).reshape(2, 3, 4).astype(dtype)
    read = dataset(images).read(np.arange(2))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[:, 0], images.astype(np.float32))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", ">i4"])
def test_integers_within_a_byte_become_uint8(dtype):
    images = np.arange(24).reshape(2, 3, 4).astype(dtype)
    read = dataset(images).read(np.arange(2))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read[:, 0], images)


@pytest.mark.parametrize("value", [-1, 256])
def test_integers_beyond_a_byte_are_refused_with_the_sample(value):
    images = np.zeros((5, 4, 4), np.int64)
    images[3, 1, 2] = value
    with pytest.raises(DataError, match=rf"0\.\.255, got .*{value}.* in sample 3"):
        dataset(images)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "U3", "object"])
def test_other_types_are_refused(dtype):
    with pytest.raises(DataError, match=r"expected pixels as uint8 or as floats"):
        dataset(np.zeros((2, 4, 4), dtype))


@pytest.mark.parametrize("shape", [(0, 4, 4), (2, 0, 4)])
def test_empty_data_is_refused(shape):
    with pytest.raises(DataError, match="at least one image"):
        dataset(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(4, dtype=int), r"got \(4, 4\)"),
        (np.array([0, 1, -1, 2]), "got -1 for sample 2"),
        (np.array([0, 1.5, 1, 2]), "got 1.5 for sample 1"),
        (np.array([0, 1, np.nan, 2]), "got nan for sample 2"),
        (np.array(["a", "b", "c", "d"]), "expected integer labels"),
        (np.array([0, 1, 2]), "each of the 4 images, got 3 labels"),
        (np.array([0, 1, 2, 0, 1]), "each of the 4 images, got 5 labels"),
        (np.array([0, 1, 2, 3]), "below 3"),
        (np.array(3), r"got \(\)"),
    ],
)
def test_labels_that_are_no_class_indices_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        dataset(np.zeros((4, 5, 5), np.uint8), labels, class_names=("a", "b", "c"))


def test_one_hot_labels_get_a_hint():
    with pytest.raises(DataError) as error:
        dataset(np.zeros((4, 5, 5), np.uint8), np.eye(4))
    assert "argmax" in error.value.hint


@pytest.mark.parametrize("labels", [np.array([[1], [0]], np.uint8), np.array([1.0, 0.0]), np.array([1, 0], ">i8")])
def test_labels_become_int64(labels):
    read = dataset(np.zeros((2, 5, 5), np.uint8), labels).labels
    assert read.dtype == np.dtype("int64")
    assert read.tolist() == [1, 0]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("ids", [[0, 1, 2], [2, 4, 7], [5], [], [7, 0], [3, 3], [0, 2, 1, 3]])
def test_reading_returns_the_asked_samples_as_an_own_copy(ids, layout):
    images = np.random.default_rng(0).integers(0, 256, (8, 6, 5, 7), dtype=np.uint8)
    kept = images.copy()
    read = dataset(images, layout=layout).read(np.array(ids, np.int64))
    np.testing.assert_array_equal(read, np.moveaxis(images[ids], 3, 1) if layout == "NHWC" else images[ids])
    assert read.flags.c_contiguous
    read[:] = 0
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize("bad", [-1, 8])
def test_ids_outside_the_data_are_refused(bad):
    with pytest.raises(DataError, match=f"from 0 to 7, got {bad}"):
        dataset(np.zeros((8, 4, 5), np.uint8)).read(np.array([1, bad]))


def test_pixels_of_unused_samples_do_not_matter():
    images = np.full((6, 4, 4), 0.5, np.float32)
    images[4, 0, 0] = np.nan
    check_pixels(dataset(images), np.array([0, 1, 5]))
    with pytest.raises(DataError, match="in 1 samples, the first with id 4"):
        check_pixels(dataset(images), np.arange(6))


def test_infinite_and_missing_pixels_are_counted():
    images = np.full((6, 4, 4), 0.5)
    images[2, 1, 1], images[3, 0, 0], images[5, 2, 2] = np.inf, 1e300, np.nan
    with pytest.raises(DataError, match="in 3 samples, the first with id 2"):
        check_pixels(dataset(images), np.arange(6))


@pytest.mark.parametrize(
    ("low", "high", "hint"),
    [
        (-2.1, 2.6, "normalised"),
        (-3e-8, 1 + 2e-7, "clip"),
        (0, 1 + 2e-7, "clip"),
        (0, 255, "divide them by 255"),
        (0, 1.2, "scaled to"),
        (0, 999, "scaled"),
    ],
)
def test_floats_outside_the_range_are_explained(low, high, hint):
    images = np.full((6, 4, 4), 0.5, np.float32)
    images[1:, 0, 0], images[3, 1, 1] = high, low
    with pytest.raises(DataError, match=r"expected float pixels in \[0, 1\].*sample 1") as error:
        check_pixels(dataset(images, source="x.npy"), np.arange(6))
    assert hint in error.value.hint
    assert error.value.message.startswith("x.npy")


def test_good_pixels_pass():
    check_pixels(dataset(np.linspace(0, 1, 96, dtype=np.float32).reshape(6, 4, 4)), np.arange(6))
    check_pixels(dataset(np.full((6, 4, 4), 255, np.uint8)), np.arange(6))


def test_check_streams_in_chunks(monkeypatch):
    monkeypatch.setattr("robustkit.engine.data.chunks._CHUNK_VALUES", 40)
    images = np.full((7, 4, 4), 0.5, np.float32)
    images[6, 3, 3] = 1.5
    data = dataset(images)
    sizes = []
    read = data.read
    monkeypatch.setattr(data, "read", lambda ids: sizes.append(len(ids)) or read(ids))
    with pytest.raises(DataError, match="sample 6"):
        check_pixels(data, np.arange(7))
    assert sizes == [1, 2, 2, 2, 1]


def test_dataset_that_breaks_its_own_view_is_refused():
    class Wrong(NumpyDataset):
        def read(self, ids):
            return super().read(ids).astype(np.float64)

    with pytest.raises(DataError, match="float64"):
        check_pixels(Wrong(images=np.zeros((2, 4, 4), np.uint8), labels=np.zeros(2, int)), np.arange(2))
