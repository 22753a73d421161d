"""spatter: water by OpenCV's edges and distances, mud by scikit-image's smoothing, in single precision."""

import cv2
import numpy as np
import pytest

WATER, MUD = np.float32([175, 238, 238]) / 255, np.float32([63, 42, 20]) / 255


@pytest.fixture
def oracle():
    filters = pytest.importorskip("skimage.filters")

    def shine(liquid):
        """How bright water is: by its depth, its distance from the nearest edge, and relief."""
        depth = (liquid * 255).astype(np.uint8)
        edges = cv2.Canny(depth, 50, 150)
        distance = cv2.distanceTransform(np.where(edges == 0, 255, 0).astype(np.uint8), cv2.DIST_L2, 5)
        distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
        relief = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
        bright = depth * cv2.blur(relief, (3, 3)).astype(np.float32)
        return bright / bright.max() if bright.any() else bright

    def spatter(image, constants, keys, double=False):
        loc, scale, blur, threshold, strength, mud = constants
        height, width, channels = image.shape
        values = image.astype(np.float32) / 255
        liquid = filters.gaussian(loc + scale * keys.normal(height, width, bits=32)[0].numpy(), sigma=blur)
        colour = MUD if mud else WATER
        if channels != 3:
            colour = np.repeat(colour.astype(np.float64) @ [0.299, 0.587, 0.114], channels).astype(np.float32)
        if not mud:
            mask = shine(np.where(liquid < threshold, 0, liquid)) * np.float32(strength)
            result = values + mask[..., None] * colour
        else:
            mask = filters.gaussian((liquid > threshold).astype(np.float32), sigma=strength)
            mask = np.where(mask < 0.8, np.float32(0), mask)[..., None]
            brown = mask * (colour.astype(np.float64) if double else colour)
            result = values * (1 - mask) + brown
        return (result.clip(0, 1) * 255).astype(np.uint8)

    return spatter


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle, native, profile):
    ours, expected = compare("spatter", oracle, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (4, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle):
    for severity in (3.0, 5.0):
        ours, expected = compare("spatter", oracle, severity, 6, shape, profile)
        assert np.array_equal(ours, expected)


def test_control_the_ports_double_precision_is_told_apart(compare, oracle):
    def precise(image, constants, keys):
        return oracle(image, constants, keys, double=True)

    ours, expected = compare("spatter", precise, 5.0, 4, (3, 224, 224), "imagenet")
    assert 0 < (ours != expected).mean() < 1e-3
    ours, expected = compare("spatter", oracle, 4.0, 6, (3, 64, 64), "imagecorruptions")
    assert np.abs(ours.astype(int) - expected).max() <= 1
