"""frost: photographs at the scale of the set, cropped and mixed in."""

import cv2
import numpy as np
import pytest

from robustkit import PluginError
from robustkit_corruptions.frost_files import find_files

SCALES = {"cifar": 0.2, "tiny-imagenet": 0.3, "imagenet": 1, "inception": 1}


@pytest.fixture
def photographs():
    """The six photographs, as RGB."""
    try:
        return [cv2.imread(str(path))[..., ::-1] for path in find_files()]
    except PluginError as error:
        pytest.skip(str(error))


@pytest.fixture
def oracle_at(photographs):
    """Return a function that makes the oracle for photographs at a scale."""

    def at_scale(scale):
        def frost(image, constants, keys):
            which, row, column = keys.uniform(3)[0].tolist()
            photograph = photographs[int(which * 5)]
            if scale != 1:
                photograph = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
            height, width, channels = image.shape
            top = int(row * (photograph.shape[0] - height))
            left = int(column * (photograph.shape[1] - width))
            part = photograph[top : top + height, left : left + width].astype(np.float64)
            if channels != 3:
                part = part @ np.array([0.2989, 0.5870, 0.1140])[:, None]
            return (constants[0] * image + constants[1] * part).clip(0, 255).astype(np.uint8)

        return frost

    return at_scale


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle_at, native, profile):
    ours, expected = compare("frost", oracle_at(SCALES[profile]), severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(3, 20, 45), (3, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle_at):
    ours, expected = compare("frost", oracle_at(SCALES[profile]), 4.0, 6, shape, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 20, 45)], ids=str)
def test_without_colour_the_photograph_is_grey(shape, compare, oracle_at):
    """By its luma, whose sum of three products has no order that both must follow: to a level."""
    ours, expected = compare("frost", oracle_at(0.2), 4.0, 6, shape, "cifar")
    assert np.abs(ours.astype(int) - expected).max() <= 1
    assert (ours != expected).mean() < 1e-3


def test_control_another_scale_is_told_apart(compare, oracle_at):
    ours, expected = compare("frost", oracle_at(0.3), 3.0, 6, (3, 32, 32), "cifar")
    assert (ours != expected).mean() > 0.5
