"""The layout of ImageNet-C: `[group/]corruption/severity/class/file`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from robustkit.engine.data import open_layout
from robustkit.engine.data.stored import open_stored_set
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
    with pytest.raises(DataError, match="in one alone") as error:
        stored.open("fog", 2)
    assert "fog/2" in error.value.message
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
