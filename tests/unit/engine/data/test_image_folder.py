from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from robustkit.engine.data import ViewRequest, open_layout
from robustkit.errors import DataError


def test_classes_and_ids_follow_sorted_names(tmp_path, write_image, colour):
    for i, name in enumerate(["dog/b.png", "cat/z.png", "dog/a.PNG", "cat/a.png"]):
        write_image(tmp_path / "pets" / name, colour[i])
    data = open_layout(tmp_path / "pets")
    assert data.class_names == ("cat", "dog")
    assert data.paths == ("cat/a.png", "cat/z.png", "dog/a.PNG", "dog/b.png")
    assert data.labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(data.read(np.array([0, 3])), colour[[3, 0]].transpose(0, 3, 1, 2))


def test_hidden_and_other_files_are_ignored(tmp_path, write_image, colour):
    write_image(tmp_path / "cat" / "a.png", colour[0])
    write_image(tmp_path / "cat" / ".cache" / "b.png", colour[0])
    for name in ("cat/._a.png", "cat/.DS_Store", "cat/notes.txt", "readme.md"):
        (tmp_path / name).write_bytes(b"no image")
    for name in (".git", "__MACOSX"):
        write_image(tmp_path / name / "c.png", colour[0])
    data = open_layout(tmp_path)
    assert data.paths == ("cat/a.png",)
    assert data.class_names == ("cat",)


def test_class_without_images_keeps_its_index(tmp_path, write_image, colour):
    (tmp_path / "ant").mkdir()
    write_image(tmp_path / "cat" / "a.png", colour[0])
    assert open_layout(tmp_path).labels.tolist() == [1]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif", ".tiff", ".jpg", ".jpeg", ".JPEG", ".webp"])
def test_every_format_is_decoded(tmp_path, write_image, suffix):
    image = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    write_image(tmp_path / "cat" / f"a{suffix}", image)
    np.testing.assert_allclose(open_layout(tmp_path).read(np.arange(1))[0].transpose(1, 2, 0), image, atol=3)


def test_grey_stays_grey_unless_one_image_is_coloured(tmp_path, write_image, grey):
    for i in range(3):
        write_image(tmp_path / "cat" / f"{i}.png", grey[i])
    data = open_layout(tmp_path)
    assert data.view.shape == (1, 6, 5)
    np.testing.assert_array_equal(data.read(np.arange(3))[:, 0], grey[:3])
    write_image(tmp_path / "cat" / "3.png", np.stack([grey[3]] * 3, axis=-1))
    assert open_layout(tmp_path).view.shape == (3, 6, 5)
    assert open_layout(tmp_path, view=ViewRequest(crop=4)).view.shape == (3, 4, 4)
    np.testing.assert_array_equal(open_layout(tmp_path).read(np.array([1]))[0, 2], grey[1])


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK", "1", "LA"])
def test_unusual_modes_are_converted(tmp_path, mode):
    (tmp_path / "cat").mkdir()
    options = {"transparency": b"\0\1\2"} if mode == "P" else {}
    Image.new("RGB", (6, 5), (255, 255, 255)).convert(mode).save(
        tmp_path / "cat" / "a.tif" if mode == "CMYK" else tmp_path / "cat" / "a.png", **options
    )
    data = open_layout(tmp_path)
    assert data.view.channels == (1 if mode in ("1", "LA") else 3)
    np.testing.assert_array_equal(data.read(np.arange(1)), 255)


def test_sixteen_bits_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    Image.fromarray(np.full((4, 4), 60000, np.uint16)).save(tmp_path / "cat" / "a.png")
    with pytest.raises(DataError, match=r"cat/a\.png: expected 8 bits"):
        open_layout(tmp_path)


@pytest.mark.parametrize("split", ["test", "val", "train"])
def test_split_chooses_the_subfolder(tmp_path, write_image, colour, split):
    for i, name in enumerate(["test", "val", "train"]):
        write_image(tmp_path / name / "cat" / f"{i}.png", colour[i])
        write_image(tmp_path / name / "dog" / f"{i}.png", colour[i])
    data = open_layout(tmp_path, split=split)
    assert data.source == str(tmp_path / split)
    assert data.class_names == ("cat", "dog")
    assert open_layout(tmp_path / split).fingerprint() == data.fingerprint()


def test_split_that_is_not_there_is_never_replaced(tmp_path, write_image, colour):
    for name in ("train", "val"):
        write_image(tmp_path / name / "cat" / "a.png", colour[0])
    with pytest.raises(DataError, match="expected the folder test/, got train, val") as error:
        open_layout(tmp_path)
    assert "--split val" in error.value.hint


def test_sizes_that_differ_need_a_view(tmp_path, write_image):
    write_image(tmp_path / "cat" / "a.png", np.full((20, 30, 3), 7, np.uint8))
    write_image(tmp_path / "dog" / "b.png", np.full((40, 20, 3), 9, np.uint8))
    with pytest.raises(DataError, match=r"20 x 30 .* for cat/a\.png and 40 x 20 for dog/b\.png") as error:
        open_layout(tmp_path)
    assert "--view 224" in error.value.hint
    with pytest.raises(DataError, match=r"10 x 15 .* and 20 x 10"):
        open_layout(tmp_path, view=ViewRequest(resize=10))
    data = open_layout(tmp_path, view=ViewRequest(resize=12, crop=10))
    np.testing.assert_array_equal(data.read(np.arange(2)).reshape(2, -1), [[7] * 300, [9] * 300])


def test_image_smaller_than_the_crop_is_named(tmp_path, write_image, colour):
    write_image(tmp_path / "cat" / "a.png", colour[0])
    with pytest.raises(DataError, match=r"cat/a\.png: expected at least 9 x 9"):
        open_layout(tmp_path, view=ViewRequest(crop=9)).read(np.arange(1))


def test_file_that_cannot_be_decoded_is_named(tmp_path, write_image, colour):
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / "cat" / name, colour[0])
    broken = tmp_path / "cat" / "b.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=re.escape(str(broken))):
        open_layout(tmp_path).read(np.arange(3))
    broken.write_bytes(b"")
    with pytest.raises(DataError, match=re.escape(str(broken))):
        open_layout(tmp_path)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_damaged_file_gives_only_data_errors(tmp_path, write_image, seed, suffix):
    rng = np.random.default_rng(seed)
    path = write_image(tmp_path / "cat" / f"a{suffix}", rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    content = bytearray(path.read_bytes())
    if seed % 2:
        content = content[: rng.integers(len(content))]
    else:
        content[rng.integers(64)] ^= int(rng.integers(1, 256))
    path.write_bytes(content)
    error = str(path)
    try:
        data = open_layout(tmp_path)
        assert data.read(np.arange(1)).shape == (1, *data.view.shape)
    except DataError as refused:
        error = refused.message
    assert str(path) in error


def test_one_level_below_the_classes_is_fine(tmp_path, write_image, colour):
    write_image(tmp_path / "n01" / "images" / "a.png", colour[0])  # as in tiny-imagenet's train folder
    write_image(tmp_path / "n02" / "images" / "a.png", colour[1])
    assert open_layout(tmp_path).labels.tolist() == [0, 1]


def test_folder_above_the_classes_is_refused(tmp_path, write_image, colour):
    for severity in "12":
        for name in ("n01", "n02"):
            write_image(tmp_path / "rain" / severity / name / "a.png", colour[0])
    with pytest.raises(DataError, match="expected one folder of images a class, got both 1/n01/ and 1/n02/") as error:
        open_layout(tmp_path / "rain")
    assert str(tmp_path / "rain" / "1") in error.value.hint
    assert open_layout(tmp_path / "rain" / "1").class_names == ("n01", "n02")


def test_folders_without_images_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match="expected image files in its 1 subfolders"):
        open_layout(tmp_path)


def test_images_without_classes_are_refused(tmp_path, write_image, colour):
    write_image(tmp_path / "a.png", colour[0])
    with pytest.raises(DataError, match="images without one"):
        open_layout(tmp_path)
