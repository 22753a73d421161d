"""pixelate: Pillow's boxes, down and up."""

import numpy as np
import PIL.Image
import pytest


def resized(image, constants, back):
    (factor,) = constants
    height, width, channels = image.shape
    planes = []
    for channel in range(channels):
        small = PIL.Image.fromarray(image[..., channel].copy())
        small = small.resize((int(width * factor), int(height * factor)), PIL.Image.Resampling.BOX)
        planes.append(np.asarray(small.resize((width, height), back)))
    return np.stack(planes, axis=2)


def boxes(image, constants, _keys):
    return resized(image, constants, PIL.Image.Resampling.BOX)


def nearest(image, constants, _keys):
    return resized(image, constants, PIL.Image.Resampling.NEAREST)


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0, 0.3, 2.5])
def test_equals_the_oracle(severity, compare, native, profile):
    ours, expected = compare("pixelate", boxes, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (4, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare):
    ours, expected = compare("pixelate", boxes, 4.0, 6, shape, profile)
    assert np.array_equal(ours, expected)


def test_control_the_ports_way_back_is_told_apart_where_two_pixels_are_equally_near(compare):
    ours, expected = compare("pixelate", nearest, 4.0, 6, (3, 14, 14), "imagenet")
    assert (ours != expected).mean() > 0.1
    ours, expected = compare("pixelate", nearest, 4.0, 6, (3, 14, 14), "imagecorruptions")
    assert np.array_equal(ours, expected)


def test_control_the_next_severity_is_told_apart(compare):
    def stronger(image, constants, keys):
        return boxes(image, (constants[0] - 0.1,), keys)

    ours, expected = compare("pixelate", stronger, 3.0, 6, (3, 32, 32), "cifar")
    assert (ours != expected).mean() > 0.2
