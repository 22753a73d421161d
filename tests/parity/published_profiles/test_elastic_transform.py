"""elastic-transform: OpenCV's affine map of three points, then scikit-image's and scipy's displacements."""

import cv2
import numpy as np
import pytest
import scipy.ndimage

UNITS = {"cifar": 32, "tiny-imagenet": 64, "imagenet": 244, "inception": 360}


@pytest.fixture
def oracle(profile):
    filters = pytest.importorskip("skimage.filters")

    def displaced(image, constants, keys, unit=UNITS[profile]):
        alpha, sigma, reach = (unit * constant for constant in constants)
        height, width, channels = image.shape

        def signed(name, *shape):
            return keys.child(name).uniform(*shape, bits=53 if name == "affine" else 32)[0].numpy() * 2 - 1

        middle, arm = np.float32([height // 2, width // 2]), min(height, width) // 3
        points = middle + np.float32([[arm, arm], [arm, -arm], [-arm, -arm]])
        moved = points + (reach * signed("affine", 3, 2)).astype(np.float32)
        values = image.astype(np.float32) / 255
        matrix = cv2.getAffineTransform(points, moved)
        values = cv2.warpAffine(values, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        values = values.reshape(image.shape)
        smooth = [
            filters.gaussian(signed(name, height, width), sigma, mode="reflect", truncate=3)
            for name in ("right", "down")
        ]
        right, down = ((field * alpha).astype(np.float32) for field in smooth)
        rows, columns = np.indices((height, width))
        places = rows + down.astype(np.float64), columns + right.astype(np.float64)
        planes = [
            scipy.ndimage.map_coordinates(values[..., channel], places, order=1, mode="reflect")
            for channel in range(channels)
        ]
        return (np.stack(planes, axis=2).clip(0, 1) * 255).astype(np.uint8)

    return displaced


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle, native, profile):
    ours, expected = compare("elastic-transform", oracle, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (4, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"], indirect=True)
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle):
    for severity in (2.0, 4.0):
        ours, expected = compare("elastic-transform", oracle, severity, 6, shape, profile)
        assert np.array_equal(ours, expected)


@pytest.mark.parametrize("profile", ["imagenet"], indirect=True)
def test_control_another_unit_is_told_apart(compare, oracle, profile):
    """The script's 244 against the side of 224."""

    def narrower(image, constants, keys):
        return oracle(image, constants, keys, unit=224)

    ours, expected = compare("elastic-transform", narrower, 4.0, 2, (3, 224, 224), profile)
    assert (ours != expected).mean() > 0.05
