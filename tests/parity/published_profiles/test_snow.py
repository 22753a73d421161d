"""snow: flakes enlarged about the centre, truncated to levels, smeared by ImageMagick, and added twice."""

import cv2
import numpy as np
import pytest


@pytest.fixture
def oracle(enlarged, smeared):
    def snow(image, constants, keys):
        loc, scale, factor, threshold, radius, sigma, mix = constants
        height, width, channels = image.shape
        noise = loc + scale * keys.child("flakes").normal(height, width, bits=32)[0].numpy()
        flakes = enlarged(noise[..., None], factor)
        flakes = (np.where(flakes < threshold, 0, flakes).clip(0, 1) * 255).astype(np.uint8)
        layer = smeared(flakes, radius, sigma, float(keys.child("angle").uniform()) * 90 - 135) / 255
        values = image.astype(np.float32) / 255
        grey = values.mean(axis=2) if channels != 3 else cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)
        whitened = mix * values + (1 - mix) * np.maximum(values, grey[..., None] * 1.5 + 0.5)
        return ((whitened + layer + layer[::-1, ::-1]).clip(0, 1) * 255).astype(np.uint8)

    return snow


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle, native, profile):
    ours, expected = compare("snow", oracle, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (3, 45, 20)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle):
    ours, expected = compare("snow", oracle, 4.0, 6, shape, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize(("profile", "mode"), [("imagecorruptions", "reference"), ("imagenet", "fixed")])
def test_control_the_port_and_the_mended_program_are_told_apart(profile, mode, compare, oracle):
    ours, expected = compare("snow", oracle, 5.0, 3, (3, 64, 64), profile, mode)
    assert (ours != expected).mean() > 0.05
