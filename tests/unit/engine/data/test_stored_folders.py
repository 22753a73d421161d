"""The layout of ImageNet-C: `[group/]corruption/severity/class/file`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from robustkit.engine.data import open_layout
from robustkit.engine.data.stored import open_stored_set, parts
from robustkit.errors import DataError

FILES = ("n01/a.png", "n01/b.png", "n02/c.png")


@pytest.fixture
def write_part(tmp_path, colour):
    def write(part, files=FILES, start=0, images=colour):
        for place, file in enumerate(files):
            path = tmp_path / "set" / part / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[start + place]).save(path)
        return tmp_path / "set"

    return write


def test_groups_corruptions_and_severities_are_found(write_part, colour):
    write_part("noise/gaussian_noise/1")
    write_part("noise/gaussian_noise/3", start=3)
    root = write_part("fog/2", start=6)
    (root / "README.txt").write_text("as downloaded")
    stored = open_stored_set(root)
    assert stored.severities == {"fog": (2,), "gaussian_noise": (1, 3)}
    part = stored.open("gaussian_noise", 3)
    np.testing.assert_array_equal(part.read(np.array([0, 2])), colour[[3, 5]].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(part.labels, [0, 0, 1])
    assert part.class_names == ("n01", "n02")
    assert stored.key("gaussian_noise", 3) == "noise/gaussian_noise/3"


def test_it_is_not_taken_for_clean_data(write_part):
    root = write_part("fog/2")
    with pytest.raises(DataError, match="stored -C set"):
        open_layout(root)
    assert len(open_layout(root / "fog" / "2").labels) == 3


@pytest.mark.parametrize("part", ["fog", "train", "fog/x", "dust/2", "a/b/fog/2"])
def test_other_folders_are_no_set(write_part, part):
    assert open_stored_set(write_part(part)) is None


@pytest.mark.parametrize("name", ["Thumbs.db", "preview.png", "LICENSE", "index.json"])
@pytest.mark.parametrize("place", ["", "weather", "weather/fog", "weather/fog/2", "weather/fog/2/n01"])
def test_a_foreign_file_hides_nothing(write_part, place, name):
    if name.endswith(".png") and place.endswith("n01"):
        return  # There it is an image.
    write_part("weather/fog/1")
    write_part("noise/gaussian_noise/1")
    root = write_part("weather/fog/2", start=3)
    (root / place / name).write_text("of another program")
    (root / place / "gone").symlink_to("nowhere")
    stored = open_stored_set(root)
    assert stored.severities == {"fog": (1, 2), "gaussian_noise": (1,)}
    assert stored.open("fog", 2).paths == FILES


def test_a_class_is_not_read_to_its_end(write_part, monkeypatch):
    root = write_part("n01", files=[f"{place}.png" for place in range(3)])
    monkeypatch.setattr(parts, "_MANY", 2)
    seen = []
    monkeypatch.setattr(parts, "is_visible", lambda name: seen.append(name) or True)
    assert open_stored_set(root) is None
    assert len([name for name in seen if name.endswith(".png")]) == 2


def test_a_severity_that_was_not_extracted_is_said(write_part):
    root = write_part("fog/1")
    (root / "fog" / "2").mkdir()
    with pytest.raises(DataError, match="fog/2: expected folders of classes, as in 1, but the folder is empty"):
        open_stored_set(root)


@pytest.mark.parametrize("place", ["weather/fog", "weather/fog/", "fog"])
def test_one_corruption_alone_is_a_part_of_a_set(write_part, place):
    root = write_part(f"{place}/1") / place
    with pytest.raises(DataError, match="expected a whole -C set, got its corruption fog alone") as error:
        open_stored_set(root)
    assert "-p fog" in error.value.hint
    assert str(root.parent) in error.value.hint


def test_classes_that_are_called_by_numbers_are_no_severities(write_part):
    assert open_stored_set(write_part("fog", files=("1/a.png", "2/b.png"))) is None


def test_the_same_corruption_in_two_groups_is_refused(write_part):
    write_part("noise/fog/1")
    with pytest.raises(DataError, match="two groups"):
        open_stored_set(write_part("weather/fog/1"))


@pytest.mark.parametrize("files", [FILES[:2], ("n01/a.png", "n01/x.png", "n02/c.png"), (*FILES, "n03/d.png")])
def test_a_part_with_other_files_is_refused(write_part, files):
    write_part("fog/1")
    stored = open_stored_set(write_part("fog/2", files=files))
    with pytest.raises(DataError, match=r"n0\d(/\w\.png)?( and 1 more)? in one alone") as error:
        stored.open("fog", 2)
    assert "fog/2" in error.value.message
    assert "missing in one, or foreign to the other" in error.value.hint
    assert len(stored.open("fog", 1).labels) == 3


def test_an_image_of_another_size_or_colour_is_found_when_it_is_read(write_part, colour):
    write_part("fog/1")
    root = write_part("fog/2")
    Image.fromarray(colour[0, :7]).save(root / "fog/2/n01/b.png")
    part = open_stored_set(root).open("fog", 2)
    assert part.read(np.array([0])).shape == (1, 3, 8, 10)
    with pytest.raises(DataError, match=r"b\.png: expected an image of shape \(3, 8, 10\), got \(3, 7, 10\)"):
        part.read(np.arange(3))


def test_colours_among_grey_images_are_not_dropped(write_part, colour):
    write_part("fog/1", images=colour[..., 0])
    part = open_stored_set(write_part("fog/2")).open("fog", 2)
    with pytest.raises(DataError, match="expected a grey image"):
        part.read(np.arange(3))


def test_a_changed_file_changes_the_digests_that_hold_it(write_part, colour):
    write_part("fog/1")
    root = write_part("fog/2")
    before = open_stored_set(root)
    fingerprint = before.fingerprint()
    digests = [before.digest("fog", 2, np.array(ids)) for ids in ([0], [0, 1])]
    Image.fromarray(colour[11]).save(root / "fog/2/n01/b.png")
    after = open_stored_set(root)
    assert after.digest("fog", 2, np.array([0])) == digests[0]
    assert after.digest("fog", 2, np.array([0, 1])) != digests[1]
    # Neither the first nor the last file.
    assert after.fingerprint() == fingerprint
    Image.fromarray(colour[11]).save(root / "fog/2/n01/a.png")
    assert open_stored_set(root).fingerprint() != fingerprint
