"""glass-blur: pixels copied one after the other, between two blurs by scikit-image."""

import numpy as np
import pytest


def offsets(keys, shape, delta, iterations):
    """Return (iterations, H, W, 2): for every pixel, the step along W and along H that the corruption draws for it."""
    halves = keys.halves(iterations * shape[0] * shape[1]).numpy().view(np.uint32).reshape(iterations, *shape)
    quarters = np.stack([halves >> np.uint32(16), halves & np.uint32(0xFFFF)], axis=-1)
    return (quarters * np.uint32(2 * delta) >> np.uint32(16)).astype(int) - delta


@pytest.fixture
def oracle():
    filters = pytest.importorskip("skimage.filters")

    def glass(image, constants, keys, swap=False):
        sigma, delta, iterations = constants
        height, width, _ = image.shape
        levels = (filters.gaussian(image / 255, sigma, channel_axis=-1) * 255).astype(np.uint8)
        for steps in offsets(keys, (height, width), delta, iterations).tolist():
            for row in range(height - delta, delta, -1):
                for column in range(width - delta, delta, -1):
                    right, down = steps[row][column]
                    before = levels[row, column].copy()
                    levels[row, column] = levels[row + down, column + right]
                    if swap:
                        levels[row + down, column + right] = before
        return (filters.gaussian(levels / 255, sigma, channel_axis=-1).clip(0, 1) * 255).astype(np.uint8)

    return glass


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle, native, profile):
    n, shape = native
    ours, expected = compare("glass-blur", oracle, severity, min(n, 3), shape, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (4, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle):
    ours, expected = compare("glass-blur", oracle, 5.0, 3, shape, profile)
    assert np.array_equal(ours, expected)


def test_control_an_exchange_is_told_apart_and_is_what_fixed_does(compare, oracle):
    def exchanging(image, constants, keys):
        return oracle(image, constants, keys, swap=True)

    ours, expected = compare("glass-blur", exchanging, 3.0, 3, (3, 32, 32), "imagenet")
    assert (ours != expected).mean() > 0.2
    # Rounded at the end and not truncated between: a level and a half at most.
    ours, expected = compare("glass-blur", exchanging, 3.0, 3, (3, 32, 32), "imagenet", "fixed")
    assert (np.abs(ours.astype(int) - expected) <= 2).all()
