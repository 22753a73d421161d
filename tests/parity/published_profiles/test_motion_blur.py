"""motion-blur against ImageMagick's arithmetic, and against ImageMagick itself where it is installed."""

from ctypes import c_double
from io import BytesIO

import numpy as np
import PIL.Image
import pytest
import torch

from robustkit_corruptions.motion_blur import smear, smear_by_imagemagick


@pytest.fixture
def oracle(smeared):
    def blur(image, constants, keys):
        radius, sigma = constants
        return smeared(image, radius, sigma, float(keys.uniform()) * 90 - 45)

    return blur


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, oracle, native, profile):
    ours, expected = compare("motion-blur", oracle, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (4, 33, 17)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare, oracle):
    ours, expected = compare("motion-blur", oracle, 5.0, 6, shape, profile)
    assert np.array_equal(ours, expected)


def test_control_the_port_is_told_apart(compare, oracle):
    ours, expected = compare("motion-blur", oracle, 5.0, 6, (3, 32, 32), "imagecorruptions")
    assert (ours != expected).mean() > 0.3


def test_control_the_opposite_direction_is_told_apart(compare, oracle):
    def backwards(image, constants, keys):
        return oracle(image[::-1, ::-1], constants, keys)[::-1, ::-1]

    ours, expected = compare("motion-blur", backwards, 5.0, 6, (3, 32, 32), "cifar")
    assert (ours != expected).mean() > 0.5


def test_control_double_precision_is_told_apart():
    """It changes one quantum in 300, and one level in 100,000."""
    levels = np.random.default_rng(0).integers(0, 256, (4, 3, 224, 224))
    fields, angles = torch.from_numpy(levels).to(torch.float64), torch.full((4,), 17.3)
    double = smear(fields, 15, 8.0, angles, cut=False).add_(0.5).floor_()
    assert 1e-6 < (double != smear_by_imagemagick(fields, 15, 8.0, angles)).double().mean() < 1e-4


@pytest.mark.parametrize("channels", ["RGB", "R"])
@pytest.mark.parametrize("degrees", [0.0, 30.0, -44.9, -90.0, -131.0])
def test_quanta_equal_imagemagick(channels, degrees, pictures, smeared):
    """Whatever its version writes into a PNG file, its 16-bit quanta round to our levels."""
    wand = pytest.importorskip("wand.image", reason="wand or ImageMagick is not installed", exc_type=ImportError)
    version = pytest.importorskip("wand.version")
    if version.QUANTUM_DEPTH != 16 or version.MAGICK_HDRI:
        pytest.skip("this ImageMagick computes in other quanta")
    for image in pictures(3, (len(channels), 40, 56)):
        file = BytesIO()
        PIL.Image.fromarray(image.squeeze()).save(file, "PNG")
        with wand.Image(blob=file.getvalue()) as blurred:
            wand.library.MagickMotionBlurImage(blurred.wand, c_double(15), c_double(8), c_double(degrees))
            quanta = np.array(blurred.export_pixels(channel_map=channels, storage="short")).reshape(image.shape)
        fields = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].to(torch.float64)
        levels = smear_by_imagemagick(fields, 15, 8.0, torch.tensor([degrees]))[0].permute(1, 2, 0).numpy()
        assert np.array_equal((quanta + 128) // 257, levels)
        assert np.array_equal(smeared(image, 15, 8.0, degrees), levels)
