from __future__ import annotations

import hashlib

import numpy as np
import pytest

from robustkit.engine.data import NumpyDataset, ViewRequest, apply_view, open_layout


@pytest.fixture
def layouts(tmp_path, write_idx, grey, classes):
    """The same grey images as IDX, packed IDX, npz and npy in three layouts of axes."""
    write_idx(tmp_path / "idx" / "t10k-images-idx3-ubyte", grey)
    write_idx(tmp_path / "idx" / "t10k-labels-idx1-ubyte", classes)
    write_idx(tmp_path / "gz" / "t10k-images-idx3-ubyte.gz", grey)
    write_idx(tmp_path / "gz" / "t10k-labels-idx1-ubyte.gz", classes)
    np.savez(tmp_path / "a.npz", images=grey, labels=classes.astype(np.uint8))
    for name, images in (("nchw", grey[:, None]), ("nhwc", grey[..., None]), ("int64", grey.astype(np.int64))):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "images.npy", images)
        np.save(tmp_path / name / "labels.npy", classes[:, None])
    return [tmp_path / name for name in ("idx", "gz", "a.npz", "nchw", "nhwc", "int64")]


def test_same_data_has_one_fingerprint_in_every_layout(layouts, grey, classes):
    found = {open_layout(path).fingerprint() for path in layouts}
    assert found == {NumpyDataset(images=grey, labels=classes).fingerprint()}


def test_fingerprint_is_the_documented_hash(grey, classes):
    header = (
        b'{"dtype":"uint8","fingerprint":"pixels","n":12,"shape":[1,6,5],"version":1,"view":{"channels":1,"crop":null,'
        b'"height":6,"interpolation":"","resize":null,"width":5}}\n'
    )
    expected = hashlib.sha256(header + grey.tobytes() + classes.astype("<i8").tobytes()).hexdigest()
    assert NumpyDataset(images=grey, labels=classes).fingerprint() == expected


def test_chunk_size_does_not_matter(grey, classes, monkeypatch):
    whole = NumpyDataset(images=grey, labels=classes).fingerprint()
    monkeypatch.setattr("robustkit.engine.data.chunks._CHUNK_VALUES", 100)
    assert NumpyDataset(images=grey, labels=classes).fingerprint() == whole


def test_any_change_of_arrays_changes_it(grey, classes):
    pixel, label = grey.copy(), classes.copy()
    pixel[11, 5, 4] ^= 1
    label[[0, 1]] = label[[1, 0]]
    variants = [
        NumpyDataset(images=grey, labels=classes),
        NumpyDataset(images=pixel, labels=classes),
        NumpyDataset(images=grey, labels=label),
        NumpyDataset(images=grey[:11], labels=classes[:11]),
        NumpyDataset(images=grey[::-1], labels=classes),
        NumpyDataset(images=grey.reshape(12, 5, 6), labels=classes),
        NumpyDataset(images=(grey / 255).astype(np.float32), labels=classes),
    ]
    assert len({data.fingerprint() for data in variants}) == len(variants)


def test_view_changes_it(layouts):
    requests = [
        None,
        ViewRequest(crop=4),
        ViewRequest(resize=4),
        ViewRequest(resize=4, interpolation="bicubic"),
        ViewRequest(resize=5),  # leaves the pixels as they are
    ]
    assert len({open_layout(layouts[0], view=request).fingerprint() for request in requests}) == len(requests)


@pytest.fixture
def folder(tmp_path, write_image, colour):
    for i, image in enumerate(colour[:4]):
        write_image(tmp_path / "pets" / ("cat" if i < 2 else "dog") / f"{i}.png", image)
    return tmp_path / "pets"


def test_folder_fingerprint_follows_content_names_classes_and_view(folder, write_image, colour):
    found = [open_layout(folder).fingerprint()]
    assert open_layout(folder).fingerprint() == found[0]
    found.append(open_layout(folder, view=ViewRequest(crop=8)).fingerprint())
    changed = colour[0].copy()
    changed[0, 0, 0] ^= 1
    write_image(folder / "cat" / "0.png", changed)
    found.append(open_layout(folder).fingerprint())
    (folder / "cat" / "0.png").rename(folder / "cat" / "00.png")
    found.append(open_layout(folder).fingerprint())
    (folder / "ant").mkdir()  # a class without images: shifts every label
    found.append(open_layout(folder).fingerprint())
    assert len(set(found)) == len(found)


def test_fingerprint_is_computed_once(folder, grey, classes, monkeypatch):
    for module, function, data in (
        ("numpy_dataset", "pixel_fingerprint", NumpyDataset(images=grey, labels=classes)),
        ("image_folder", "file_fingerprint", open_layout(folder)),
        ("viewed", "pixel_fingerprint", _viewed(grey, classes)),
    ):
        calls = []
        monkeypatch.setattr(
            f"robustkit.engine.data.{module}.{function}", lambda *_, calls=calls: calls.append(1) or "f"
        )
        assert (data.fingerprint(), data.fingerprint(), len(calls)) == ("f", "f", 1)


def _viewed(images, labels):
    return apply_view(NumpyDataset(images=images, labels=labels), ViewRequest(crop=3))


@pytest.mark.shared
def test_published_archive_and_its_parts_agree(shared, tmp_path):
    with np.load(shared / "cifar10-jpeg" / "test.npz") as archive:
        np.save(tmp_path / "images.npy", archive["images"].transpose(0, 3, 1, 2))
        np.save(tmp_path / "labels.npy", archive["labels"])
    assert open_layout(tmp_path).fingerprint() == open_layout(shared / "cifar10-jpeg").fingerprint()
