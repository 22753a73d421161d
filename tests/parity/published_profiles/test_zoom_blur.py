"""zoom-blur: enlargements by scipy, about the centre."""

import numpy as np
import pytest


@pytest.fixture
def oracle(enlarged):
    def blur(image, constants, _keys):
        end, step = constants
        values = (image / 255).astype(np.float32)
        total, count = np.zeros_like(values), 1
        for factor in np.arange(1, end, step):
            total += enlarged(values, factor)
            count += 1
        return (((values + total) / count).clip(0, 1) * 255).astype(np.uint8)

    return blur


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle, native, profile):
    ours, expected = compare("zoom-blur", oracle, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (3, 160, 160), (4, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle):
    """At side 160, scipy loses an edge of some enlargements."""
    ours, expected = compare("zoom-blur", oracle, 5.0, 3, shape, profile)
    assert np.array_equal(ours, expected)


def test_control_the_mended_program_is_told_apart(compare, oracle):
    """Half a level would be rounding; the image that counts once is more."""
    ours, expected = compare("zoom-blur", oracle, 3.0, 3, (3, 64, 64), "imagenet", "fixed")
    assert (np.abs(ours.astype(int) - expected) > 1).mean() > 0.05


def test_control_one_enlargement_more_is_told_apart(compare, oracle):
    def longer(image, constants, keys):
        return oracle(image, (constants[0] + constants[1], constants[1]), keys)

    ours, expected = compare("zoom-blur", longer, 3.0, 3, (3, 64, 64), "imagenet")
    assert (ours != expected).mean() > 0.05
