"""The profiles of the published sets, against the formulas of the scripts that made them.

Written from github.com/hendrycks/robustness, ImageNet-C/create_c, one image at a time, in numpy, scikit-image, OpenCV
and Pillow. Corruptions whose program differs from imagecorruptions', not only their constants, are in
`published_profiles`.
"""

from io import BytesIO
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import skimage as sk
from PIL import Image
from skimage.filters import gaussian

SIDES = {"cifar": 32, "tiny-imagenet": 64, "imagenet": 96, "inception": 100}
"""Sides at which a profile is tried: those of its set where they are small."""


def finish(values):
    return np.uint8(np.clip(values, 0, 1) * 255)


def gaussian_noise(image, c, random):
    return finish(image / 255.0 + random.normal(size=image.shape, scale=c[0]))


def speckle_noise(image, c, random):
    x = image / 255.0
    return finish(x + x * random.normal(size=image.shape, scale=c[0]))


def shot_noise(image, c, random):
    return finish(random.poisson(image / 255.0 * c[0]) / c[0])


def impulse_noise(image, c, random):
    return finish(sk.util.random_noise(image / 255.0, mode="s&p", amount=c[0], rng=random.rng))


def gaussian_blur(image, c, random):
    return finish(gaussian(image / 255.0, sigma=c[0], channel_axis=-1))


def defocus_blur(image, c, random):
    reach, small = (8, 3) if c[0] <= 8 else (int(c[0]), 5)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.array(rows**2 + columns**2 <= c[0] ** 2, dtype=np.float32)
    kernel = cv2.GaussianBlur(kernel / kernel.sum(), ksize=(small, small), sigmaX=c[1])
    return finish(np.dstack([cv2.filter2D(plane, -1, kernel) for plane in cv2.split(image / 255.0)]))


def contrast(image, c, random):
    x = image / 255.0
    mean = np.mean(x, axis=(0, 1), keepdims=True)
    return finish((x - mean) * c[0] + mean)


def in_hsv(image, change):
    hsv = sk.color.rgb2hsv(image / 255.0)
    change(hsv)
    return finish(sk.color.hsv2rgb(hsv))


def brightness(image, c, random):
    def change(hsv):
        hsv[..., 2] = np.clip(hsv[..., 2] + c[0], 0, 1)

    return in_hsv(image, change)


def saturate(image, c, random):
    def change(hsv):
        hsv[..., 1] = np.clip(hsv[..., 1] * c[0] + c[1], 0, 1)

    return in_hsv(image, change)


def jpeg_compression(image, c, random):
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(c[0]))
    return np.array(Image.open(file))


FORMULAS = {
    "gaussian-noise": gaussian_noise, "shot-noise": shot_noise, "impulse-noise": impulse_noise,
    "speckle-noise": speckle_noise, "gaussian-blur": gaussian_blur, "defocus-blur": defocus_blur, "contrast": contrast,
    "brightness": brightness, "saturate": saturate, "jpeg-compression": jpeg_compression,
}  # fmt: skip


def compare(parity, name, profile, images, severity, taken=None):
    """Return how far our results, of `taken` or else the same profile, and the formula's are apart."""
    constants = parity.build(name).constants.at(profile, float(severity))
    ours = parity.ours(name, images, severity, profile=taken or profile)
    theirs = [
        FORMULAS[name](image, constants, SimpleNamespace(**parity.numbers(name, row, image, constants)))
        for row, image in enumerate(images)
    ]
    return np.abs(ours.astype(int) - np.stack(theirs))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("profile", SIDES)
def test_the_profile_is_the_scripts_formula_value_by_value(name, profile, parity, make_photographs):
    images = make_photographs(6 if SIDES[profile] <= 64 else 3, SIDES[profile], SIDES[profile])
    for severity in range(1, 6):
        assert compare(parity, name, profile, images, severity).max() == 0


@pytest.mark.parametrize("name", FORMULAS)
def test_control_another_profile_is_told_apart(name, parity, make_photographs):
    off = compare(parity, name, "cifar", make_photographs(3, 32, 32), 3, taken="inception")
    assert (off > 0).mean() > 0.01
