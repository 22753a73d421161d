"""Bit-exact agreement with the published formulas, with the same random numbers put into both.

The references below are written from the formulas of the scripts that made CIFAR-10-C, Tiny-ImageNet-C, ImageNet-C and
ImageNet-C-299 (github.com/hendrycks/robustness, ImageNet-C/create_c), in numpy and scipy, one image at a time.
"""

import numpy as np
import pytest
import torch
from robustkit_corruptions.blur import GaussianBlur
from robustkit_corruptions.digital import Contrast
from robustkit_corruptions.weather import Brightness
from scipy.ndimage import gaussian_filter

from robustkit_corruptions.noise import GaussianNoise
from robustkit_corruptions.params import CorruptionParams

# github.com/hendrycks/robustness, ImageNet-C/create_c: make_cifar_c.py, make_tinyimagenet_c.py, make_imagenet_c.py,
# make_imagenet_c_inception.py. imagecorruptions 1.1.2 has the constants of make_imagenet_c.py at every size.
PUBLISHED = {
    "cifar": {
        GaussianNoise: [0.04, 0.06, 0.08, 0.09, 0.10],
        GaussianBlur: [0.4, 0.6, 0.7, 0.8, 1],
        Brightness: [0.05, 0.1, 0.15, 0.2, 0.3],
        Contrast: [0.75, 0.5, 0.4, 0.3, 0.15],
    },
    "tiny-imagenet": {
        GaussianNoise: [0.04, 0.08, 0.12, 0.15, 0.18],
        GaussianBlur: [0.5, 0.75, 1, 1.25, 1.5],
        Brightness: [0.1, 0.2, 0.3, 0.4, 0.5],
        Contrast: [0.4, 0.3, 0.2, 0.1, 0.05],
    },
    "imagenet": {
        GaussianNoise: [0.08, 0.12, 0.18, 0.26, 0.38],
        GaussianBlur: [1, 2, 3, 4, 6],
        Brightness: [0.1, 0.2, 0.3, 0.4, 0.5],
        Contrast: [0.4, 0.3, 0.2, 0.1, 0.05],
    },
    "inception": {
        GaussianNoise: [0.09, 0.13, 0.19, 0.27, 0.40],
        GaussianBlur: [1.5, 2.5, 3.5, 4.5, 6.5],
        Brightness: [0.1, 0.2, 0.3, 0.4, 0.5],
        Contrast: [0.4, 0.3, 0.2, 0.1, 0.05],
    },
}
PUBLISHED["imagecorruptions"] = PUBLISHED["imagenet"]
CORRUPTIONS = [GaussianNoise, GaussianBlur, Brightness, Contrast]
SEVERITIES = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)


def finish(values):
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def noise_reference(image, sigma, noise):
    return finish(image / 255.0 + sigma * noise)


def blur_reference(image, sigma, _noise=None, mode="nearest", truncate=4.0):
    return finish(gaussian_filter(image / 255.0, sigma=(sigma, sigma, 0), mode=mode, truncate=truncate))


def contrast_reference(image, factor, _noise=None, axes=(0, 1)):
    image = image / 255.0
    means = np.mean(image, axis=axes, keepdims=True)
    return finish((image - means) * factor + means)


def brightness_reference(image, shift, _noise=None):
    """The HSV conversions of scikit-image, pixel by pixel."""
    out = np.empty(image.shape)
    for position in np.ndindex(image.shape[:2]):
        out[position] = brighter_pixel(*(float(level) / 255.0 for level in image[position]), shift)
    return finish(out)


def brighter_pixel(red, green, blue, shift):
    value = max(red, green, blue)
    spread = value - min(red, green, blue)
    hue = saturation = 0.0
    if spread:
        saturation = spread / value
        if blue == value:
            hue = 4.0 + (red - green) / spread
        elif green == value:
            hue = 2.0 + (blue - red) / spread
        else:
            hue = (green - blue) / spread
        hue = (hue / 6.0) % 1.0
    value = min(max(value + shift, 0.0), 1.0)
    sector = int(np.floor(hue * 6))
    rest = hue * 6 - sector
    p, q = value * (1 - saturation), value * (1 - rest * saturation)
    t = value * (1 - (1 - rest) * saturation)
    return [(value, t, p), (q, value, p), (p, value, t), (p, q, value), (t, p, value), (value, p, q)][sector % 6]


REFERENCES = {
    GaussianNoise: noise_reference,
    GaussianBlur: blur_reference,
    Brightness: brightness_reference,
    Contrast: contrast_reference,
}


def reference_batch(function, images, constants, noise):
    """Run a reference, which knows (H, W, 3) only; grey images go through it as three equal channels."""
    results = []
    for image, constant, field in zip(images.numpy(), constants, noise.numpy(), strict=True):
        colour = np.ascontiguousarray(np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0))
        field3 = np.broadcast_to(field, (3, *field.shape[1:])).transpose(1, 2, 0)
        results.append(function(colour, constant, field3).transpose(2, 0, 1)[: len(image)])
    return torch.from_numpy(np.stack(results))


def our_batch(corruption, images, keys, **params):
    ours = corruption(CorruptionParams(**params))
    draws = ours.sample(keys, tuple(images.shape[1:]), SEVERITIES)
    return ours.apply(images, draws), getattr(draws, "noise", torch.zeros(len(images), 1, 1, 1))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("profile", PUBLISHED)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 20, 35)])
def test_five_severities_equal_the_reference(corruption, profile, shape, draw_images, make_keys):
    for seed in range(2):
        images = draw_images(5, shape, seed)
        ours, noise = our_batch(corruption, images, make_keys(range(5), seed), profile=profile)
        expected = reference_batch(REFERENCES[corruption], images, PUBLISHED[profile][corruption], noise)
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("profile", ["imagenet", "inception"])
def test_full_size_images_equal_the_reference(corruption, profile, draw_images, make_keys):
    images = draw_images(5, (3, 224, 224))
    if corruption is Brightness:
        images = images[..., :64, :]  # the reference is one Python call a pixel
    ours, noise = our_batch(corruption, images, make_keys(range(5)), profile=profile)
    expected = reference_batch(REFERENCES[corruption], images, PUBLISHED[profile][corruption], noise)
    assert torch.equal(ours, expected)


def contrast_of_grid(images, means, factors):
    values = images / 255.0
    return np.stack([finish((values - means) * factor + means) for factor in factors])


def test_contrast_adds_up_pixels_in_the_order_of_the_reference():
    """1 image in 400 has a value on a whole level, where the order of the sum decides between two levels."""
    images = np.random.default_rng(0).integers(0, 256, size=(1000, 32, 32, 3), dtype=np.uint8)
    factors = PUBLISHED["cifar"][Contrast]
    means = np.stack([np.mean(image / 255.0, axis=(0, 1), keepdims=True) for image in images])
    expected = contrast_of_grid(images, means, factors)
    contrast = Contrast(CorruptionParams(profile="cifar"))
    batch = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    ours = np.stack(
        [contrast.apply(batch, torch.full((1000,), factor, dtype=torch.float64)).numpy() for factor in factors]
    )
    assert np.array_equal(ours.transpose(0, 1, 3, 4, 2), expected)

    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(1000, 3, -1) / 255.0
    pairwise = planes.mean(axis=2).reshape(1000, 1, 1, 3)
    assert not np.array_equal(contrast_of_grid(images, pairwise, factors), expected)  # the control


def share_that_differs(function, corruption, images, keys, constants, **params):
    ours, noise = our_batch(corruption, images, keys, **params)
    return float((ours != reference_batch(function, images, constants, noise)).double().mean())


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_control_another_profile_is_told_apart(corruption, draw_images, make_keys):
    images = draw_images(5, (3, 32, 32))
    constants = PUBLISHED["imagenet"][corruption]
    share = share_that_differs(
        REFERENCES[corruption], corruption, images, make_keys(range(5)), constants, profile="cifar"
    )
    assert share > 0.1


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_control_rounding_is_told_apart_from_truncation(corruption, draw_images, make_keys):
    images = draw_images(5, (3, 32, 32))
    share = share_that_differs(
        REFERENCES[corruption],
        corruption,
        images,
        make_keys(range(5)),
        PUBLISHED["cifar"][corruption],
        profile="cifar",
        mode="fixed",
    )
    assert share > 0.1


@pytest.mark.parametrize("change", [{"mode": "reflect"}, {"truncate": 2.0}])
def test_control_another_blur_kernel_is_told_apart(change, draw_images, make_keys):
    def changed(image, sigma, noise):
        return blur_reference(image, sigma, noise, **change)

    images = draw_images(5, (3, 32, 32))
    constants = PUBLISHED["imagenet"][GaussianBlur]
    share = share_that_differs(changed, GaussianBlur, images, make_keys(range(5)), constants, profile="imagenet")
    assert share > 0.01


def test_control_one_mean_for_all_channels_is_told_apart(draw_images, make_keys):
    def changed(image, factor, noise):
        return contrast_reference(image, factor, noise, axes=(0, 1, 2))

    constants = PUBLISHED["cifar"][Contrast]
    share = share_that_differs(
        changed, Contrast, draw_images(5, (3, 32, 32)), make_keys(range(5)), constants, profile="cifar"
    )
    assert share > 0.1


def test_control_brightness_by_plain_addition_is_told_apart(draw_images, make_keys):
    def changed(image, shift, _noise):
        return finish(image / 255.0 + shift)

    constants = PUBLISHED["cifar"][Brightness]
    share = share_that_differs(
        changed, Brightness, draw_images(5, (3, 32, 32)), make_keys(range(5)), constants, profile="cifar"
    )
    assert share > 0.1
