"""What holds between severities and for inputs that the references do not know."""

import colorsys

import pytest
import torch
from robustkit_corruptions.blur import GaussianBlur, half_kernel
from robustkit_corruptions.digital import Contrast
from robustkit_corruptions.weather import Brightness, raise_value

from robustkit_corruptions.noise import GaussianNoise
from robustkit_corruptions.params import CorruptionParams

CORRUPTIONS = [GaussianNoise, GaussianBlur, Brightness, Contrast]


def corrupt(corruption, images, keys, severity, **params):
    ours = corruption(CorruptionParams(**params))
    levels = torch.full((len(images),), severity, dtype=torch.float64)
    return ours.apply(images, ours.sample(keys, tuple(images.shape[1:]), levels))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_floats_of_any_channel_count_keep_dtype_and_range(corruption, channels, draw_images, make_keys):
    images = draw_images(3, (channels, 9, 14)).float() / 255
    for severity in (0.5, 2.5, 5.0):
        result = corrupt(corruption, images, make_keys(range(3)), severity)
        assert result.dtype == torch.float32
        assert result.shape == images.shape
        assert result.min() >= 0
        assert result.max() <= 1
        assert not torch.equal(result, images)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_vanishing_severity_vanishes(corruption, draw_images, make_keys):
    images = draw_images(3, (3, 16, 16)).double() / 255
    result = corrupt(corruption, images, make_keys(range(3)), 1e-9)
    assert torch.allclose(result, images, atol=1e-7)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_float_images_agree_with_uint8_images_within_a_level(corruption, draw_images, make_keys):
    images = draw_images(3, (3, 16, 16))
    coarse = corrupt(corruption, images, make_keys(range(3)), 3.0, mode="fixed")
    fine = corrupt(corruption, images.float() / 255, make_keys(range(3)), 3.0)
    assert (coarse.float() / 255 - fine).abs().max() <= 0.5 / 255 + 1e-6


def test_noise_levels_nest(make_keys):
    noise = GaussianNoise(CorruptionParams(profile="cifar"))
    mild, strong = (noise.sample(make_keys([3, 4]), (3, 8, 8), torch.tensor([s, s])) for s in (1.0, 5.0))
    assert torch.equal(mild.noise, strong.noise)
    assert mild.sigma[0] == 0.04
    assert strong.sigma[0] == 0.10


def test_brightness_of_three_channels_agrees_with_colorsys():
    """colorsys, of the standard library, is another implementation of the same colour space."""
    pixels = torch.rand(500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = raise_value(pixels[:, :, None, None], torch.tensor(0.2))[:, :, 0, 0]
    for pixel, result in zip(pixels.tolist(), ours, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        expected = torch.tensor(colorsys.hsv_to_rgb(hue, saturation, min(value + 0.2, 1)), dtype=torch.float64)
        assert torch.allclose(result, expected, atol=1e-12)


def test_brightness_of_other_channel_counts_scales_as_colour_does():
    colour = torch.tensor([0.1, 0.4, 0.2], dtype=torch.float64)
    five = torch.cat([colour, torch.tensor([0.0, 0.3])]).view(1, 5, 1, 1)
    shift = torch.tensor(0.4, dtype=torch.float64)
    assert torch.allclose(raise_value(five, shift)[:, :3], raise_value(colour.view(1, 3, 1, 1), shift))
    assert torch.equal(raise_value(torch.zeros(1, 5, 1, 1), torch.tensor(0.4)), torch.full((1, 5, 1, 1), 0.4))


def test_brightness_keeps_grey_images_grey():
    grey = torch.linspace(0, 1, 11).view(1, 1, 1, 11)
    shift = torch.tensor(0.25)
    assert torch.equal(raise_value(grey, shift), (grey + 0.25).clamp(max=1))
    assert torch.equal(raise_value(grey.expand(1, 3, 1, 11), shift), raise_value(grey, shift).expand(1, 3, 1, 11))


def test_contrast_keeps_the_mean_of_every_channel(draw_images, make_keys):
    images = draw_images(2, (3, 12, 12)).double() / 255
    result = corrupt(Contrast, images, make_keys(range(2)), 4.0)
    assert torch.allclose(result.mean((2, 3)), images.mean((2, 3)))


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 2.3, 6.5])
def test_blur_kernels_sum_to_one_and_fall_off_as_a_normal_density(sigma):
    kernel = half_kernel(sigma)
    assert len(kernel) == int(4 * sigma + 0.5) + 1
    assert kernel[0] + 2 * kernel[1:].sum() == pytest.approx(1)
    steps = torch.arange(len(kernel), dtype=torch.float64)
    assert torch.allclose(kernel / kernel[0], torch.exp(-(steps**2) / (2 * sigma**2)))


def test_blur_leaves_flat_images_alone(make_keys):
    flat = torch.full((1, 3, 9, 9), 77, dtype=torch.uint8)
    assert torch.equal(corrupt(GaussianBlur, flat, make_keys([0]), 5.0, mode="fixed"), flat)
