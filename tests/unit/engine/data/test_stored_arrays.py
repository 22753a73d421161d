"""The layout of CIFAR-10-C: `fog.npy`, … with five severities each, and `labels.npy`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robustkit.engine.data import open_layout
from robustkit.engine.data.stored import open_stored_set
from robustkit.errors import DataError


@pytest.fixture
def images():
    """Twelve images at five severities, severity-major, all different: (60, 8, 10, 3)."""
    return np.random.default_rng(2).integers(0, 256, (60, 8, 10, 3), dtype=np.uint8)


@pytest.fixture
def cifar_c(tmp_path, images, classes):
    """A set written as the published script writes it, without robustkit."""
    np.save(tmp_path / "fog.npy", images)
    np.save(tmp_path / "gaussian_noise.npy", images[::-1])
    np.save(tmp_path / "labels.npy", np.tile(classes, 5))
    return tmp_path


def test_a_severity_is_its_block_of_rows(cifar_c, images, classes):
    stored = open_stored_set(cifar_c)
    assert stored.severities == {"fog": (1, 2, 3, 4, 5), "gaussian_noise": (1, 2, 3, 4, 5)}
    for severity in range(1, 6):
        part = stored.open("fog", severity)
        expected = images[(severity - 1) * 12 : severity * 12].transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(part.read(np.arange(12)), expected)
        np.testing.assert_array_equal(part.read(np.array([7])), expected[7:8])
        np.testing.assert_array_equal(part.labels, classes)
    assert stored.first.view.shape == (3, 8, 10)


def test_grey_images_have_no_axis_of_channels(tmp_path, images, classes):
    np.save(tmp_path / "fog.npy", images[..., 0])
    np.save(tmp_path / "labels.npy", np.tile(classes, 5))
    assert open_stored_set(tmp_path).open("fog", 2).view.shape == (1, 8, 10)


def test_it_is_not_taken_for_clean_data(cifar_c):
    for path in (cifar_c, cifar_c / "fog.npy"):
        with pytest.raises(DataError, match="stored -C set") as error:
            open_layout(path)
        assert "robustkit eval" in error.value.hint


def test_other_arrays_are_no_set(tmp_path, images, classes):
    for names in (("images", "labels"), ("photos", "labels"), ("photos",)):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for name in names:
            np.save(folder / f"{name}.npy", images if name != "labels" else np.tile(classes, 5))
        assert open_stored_set(folder) is None
    assert open_stored_set(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda images: images.astype(np.float32) / 255, r"expected uint8 images.*got float32"),
        (lambda images: images[:12], r"of shape \(60, h, w, c\).*got uint8 of shape \(12, 8, 10, 3\)"),
        (lambda images: images[:55], r"\(55, 8, 10, 3\)"),
        (lambda images: images[:, :7], r"expected images of shape \(3, 8, 10\).*got \(3, 7, 10\)"),
        (lambda images: images[..., 0], r"got \(1, 8, 10\)"),
        (lambda images: images[:, 0, 0], r"got uint8 of shape \(60, 3\)"),
        (lambda images: images.astype(object), "expected a .npy array"),
    ],
)
def test_a_file_that_is_not_five_times_the_samples_is_refused(cifar_c, images, make, expected):
    np.save(cifar_c / "gaussian_noise.npy", make(images))
    stored = open_stored_set(cifar_c)
    with pytest.raises(DataError, match=expected) as error:
        stored.open("gaussian_noise", 1)
    assert "gaussian_noise.npy" in error.value.message
    assert len(stored.open("fog", 1).labels) == 12


def test_a_truncated_file_is_refused(cifar_c):
    path = cifar_c / "fog.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"fog\.npy"):
        open_stored_set(cifar_c).open("fog", 1)


@pytest.mark.parametrize(
    "labels",
    [np.arange(12) % 4, np.arange(60) % 7, np.arange(61) % 4, np.zeros((60, 10)), np.full(60, -1), np.zeros(0)],
    ids=["not tiled", "another tiling", "61", "one-hot", "negative", "none"],
)
def test_labels_that_are_not_five_times_the_same_are_refused(cifar_c, labels):
    np.save(cifar_c / "labels.npy", labels)
    with pytest.raises(DataError, match=r"labels\.npy"):
        open_stored_set(cifar_c).open("fog", 1)


def test_its_fingerprint_tells_sets_apart_and_not_selections(cifar_c, tmp_path_factory, images, classes):
    other = tmp_path_factory.mktemp("other")
    np.save(other / "fog.npy", images)
    np.save(other / "gaussian_noise.npy", images[::-1])
    np.save(other / "labels.npy", np.tile(classes, 5))
    same, before = open_stored_set(other), open_stored_set(cifar_c)
    same.open("fog", 3)
    fingerprint = before.fingerprint()
    assert same.fingerprint() == fingerprint
    changed = images.copy()
    changed[12, 0, 0, 0] ^= 1
    np.save(other / "fog.npy", changed)
    after = open_stored_set(other)
    assert after.fingerprint() != fingerprint
    ids = np.array([0, 3])
    assert after.digest("fog", 2, ids) != before.digest("fog", 2, ids)
    assert after.digest("fog", 1, ids) == before.digest("fog", 1, ids)
    assert after.digest("fog", 2, np.array([3])) == before.digest("fog", 2, np.array([3]))


def test_clean_images_among_the_corruptions_are_not_taken_for_all(cifar_c, images):
    np.save(cifar_c / "images.npy", images[:12])
    with pytest.raises(DataError, match=r"both images\.npy and corruptions \(fog, gaussian_noise\)") as error:
        open_stored_set(cifar_c)
    assert "move" in error.value.hint


def test_missing_labels_are_said(cifar_c):
    (cifar_c / "labels.npy").unlink()
    with pytest.raises(DataError, match=r"expected labels\.npy beside.*holds fog\.npy, gaussian_noise\.npy"):
        open_stored_set(cifar_c).open("fog", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory from /proc")
def test_a_set_is_mapped_and_never_read_whole(tmp_path: Path):
    # 19 sparse files of the size of CIFAR-10-C's together have 2.9 GB.
    for name in ("fog", "snow", "frost", "contrast", "saturate", "spatter"):
        header = {"descr": "|u1", "fortran_order": False, "shape": (50_000, 32, 32, 3)}
        with (tmp_path / f"{name}.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + 50_000 * 3072)
    np.save(tmp_path / "labels.npy", np.tile(np.arange(10_000) % 10, 5))
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from robustkit.engine.data.stored import open_stored_set\n"
        "stored = open_stored_set(Path(sys.argv[1]))\n"
        "for name in stored.severities:\n"
        "    assert stored.open(name, 5).read(np.arange(64)).shape == (64, 3, 32, 32)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 300_000  # kilobytes; the files have 920,000
