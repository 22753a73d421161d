"""The profiles of the published sets, against the formulas of the scripts that made them.

Written from github.com/hendrycks/robustness, ImageNet-C/create_c, one image at a time, in numpy, scipy, scikit-image,
OpenCV and Pillow. ImageMagick, which made motion-blur and snow there, is not at hand: its part here is its documented
formula (weights of half a normal density along a line, edge pixels repeated, each value rounded), not its program.
"""

import math
from io import BytesIO
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import skimage as sk
from PIL import Image
from scipy.ndimage import map_coordinates, zoom
from skimage.filters import gaussian

import robustkit_corruptions
from robustkit_corruptions.frost_files import find_files

NAMES = [declared.name for declared in robustkit_corruptions.robustkit_perturbations()]
SIDES = {"cifar": 32, "tiny-imagenet": 64, "imagenet": 96, "inception": 100}
"""Sides at which a profile is tried: those of its set where they are small."""

UNITS = {"cifar": 32, "tiny-imagenet": 64, "imagenet": 244, "inception": 360}


def finish(values):
    return np.uint8(np.clip(values, 0, 1) * 255)


def gaussian_noise(image, c, random, profile):
    return finish(image / 255.0 + random.normal(size=image.shape, scale=c[0]))


def speckle_noise(image, c, random, profile):
    x = image / 255.0
    return finish(x + x * random.normal(size=image.shape, scale=c[0]))


def shot_noise(image, c, random, profile):
    return finish(random.poisson(image / 255.0 * c[0]) / c[0])


def impulse_noise(image, c, random, profile):
    return finish(sk.util.random_noise(image / 255.0, mode="s&p", amount=c[0], rng=random.rng))


def gaussian_blur(image, c, random, profile):
    return finish(gaussian(image / 255.0, sigma=c[0], channel_axis=-1))


def glass_blur(image, c, random, profile):
    sigma, delta, iterations = c[0], int(c[1]), int(c[2])
    x = finish(gaussian(image / 255.0, sigma=sigma, channel_axis=-1))
    for _ in range(iterations):
        for row in range(len(x) - delta, delta, -1):
            for column in range(x.shape[1] - delta, delta, -1):
                across, down = random.randint(-delta, delta, size=2)
                x[row, column] = x[row + down, column + across]
    return finish(gaussian(x / 255.0, sigma=sigma, channel_axis=-1))


def defocus_blur(image, c, random, profile):
    reach, small = (8, 3) if c[0] <= 8 else (int(c[0]), 5)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.array(rows**2 + columns**2 <= c[0] ** 2, dtype=np.float32)
    kernel = cv2.GaussianBlur(kernel / kernel.sum(), ksize=(small, small), sigmaX=c[1])
    return finish(np.dstack([cv2.filter2D(plane, -1, kernel) for plane in cv2.split(image / 255.0)]))


def magick_motion(levels, radius, sigma, angle):
    """Average whole levels along a line and round, as ImageMagick documents it."""
    width = 2 * int(radius) + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    rows, columns = np.mgrid[: levels.shape[0], : levels.shape[1]]
    total = np.zeros(levels.shape)
    for tap, weight in enumerate(weights / weights.sum()):
        down = math.ceil(tap * math.sin(math.radians(angle)) - 0.5)
        right = math.ceil(tap * math.cos(math.radians(angle)) - 0.5)
        below = np.clip(rows + down, 0, len(levels) - 1)
        total += weight * levels[below, np.clip(columns + right, 0, levels.shape[1] - 1)]
    return np.uint8(np.clip(np.round(total), 0, 255))


def motion_blur(image, c, random, profile):
    return magick_motion(image, c[0], c[1], random.uniform(-45, 45))


def zoomed_middle(image, factor):
    side = len(image)
    inner = math.ceil(side / factor)
    start = (side - inner) // 2
    large = zoom(image[start : start + inner, start : start + inner], (factor, factor, 1), order=1)
    trim = (len(large) - side) // 2
    return large[trim : trim + side, trim : trim + side]


def zoom_blur(image, c, random, profile):
    x = (image / 255.0).astype(np.float32)
    factors, out = np.arange(1, c[0], c[1]), np.zeros_like(x)
    for factor in factors:
        out += zoomed_middle(x, factor)
    return finish((x + out) / (len(factors) + 1))


def snow(image, c, random, profile):
    x = np.float32(image) / 255.0
    flakes = zoomed_middle(random.normal(size=x.shape[:2], loc=c[0], scale=c[1])[..., None], c[2])
    flakes[flakes < c[3]] = 0
    layer = magick_motion(finish(flakes.squeeze()), c[4], c[5], random.uniform(-135, -45))[..., None] / 255.0
    grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None]
    x = c[6] * x + (1 - c[6]) * np.maximum(x, grey * 1.5 + 0.5)
    return finish(x + layer + np.rot90(layer, k=2))


def frost(image, c, random, profile):
    photograph = cv2.imread(str(find_files()[random.randint(5)]))
    if profile in ("cifar", "tiny-imagenet"):
        share = {"cifar": 0.2, "tiny-imagenet": 0.3}[profile]
        photograph = cv2.resize(photograph, (0, 0), fx=share, fy=share)
    side = len(image)
    row, column = (random.randint(0, length - side) for length in photograph.shape[:2])
    crop = photograph[row : row + side, column : column + side][..., ::-1]
    return np.uint8(np.clip(c[0] * image + c[1] * crop, 0, 255))


def diamond_square(side, decay, random):
    """Return a plasma fractal: from coarse to fine, each new point is a mean of four neighbours, and noise."""
    field, step, wobble = np.zeros((side, side)), side, 100.0
    while step >= 2:
        half = step // 2

        def noisy(total, wobble=wobble):
            return total / 4 + wobble * random.uniform(-wobble, wobble, total.shape)

        corners = field[::step, ::step]
        along = corners + np.roll(corners, -1, axis=0)
        field[half::step, half::step] = noisy(along + np.roll(along, -1, axis=1))
        middles = field[half::step, half::step]
        field[::step, half::step] = noisy(
            (middles + np.roll(middles, 1, axis=0)) + (corners + np.roll(corners, -1, axis=1))
        )
        field[half::step, ::step] = noisy(
            (middles + np.roll(middles, 1, axis=1)) + (corners + np.roll(corners, -1, axis=0))
        )
        step, wobble = half, wobble / decay
    field -= field.min()
    return field / field.max()


def fog(image, c, random, profile):
    x, side = image / 255.0, 1 << (len(image) - 1).bit_length()
    brightest = x.max()
    x += c[0] * diamond_square(side, c[1], random)[: len(image), : len(image), None]
    return finish(x * brightest / (brightest + c[0]))


def spatter(image, c, random, profile):
    x = np.float32(image) / 255.0
    liquid = gaussian(random.normal(size=x.shape[:2], loc=c[0], scale=c[1]), sigma=c[2])
    liquid[liquid < c[3]] = 0
    if c[5]:
        mask = gaussian((liquid > c[3]).astype(np.float32), sigma=c[4])[..., None]
        mask[mask < 0.8] = 0
        return finish(x * (1 - mask) + mask * (np.array([63, 42, 20]) / 255.0))
    levels = (liquid * 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(levels, 50, 150), cv2.DIST_L2, 5)
    relief = cv2.equalizeHist(cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(relief, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    shine = levels * cv2.blur(relief, (3, 3)).astype(np.float32)
    shine = (shine / shine.max() * np.float32(c[4]))[..., None]
    return finish(x + shine * np.float32(np.array([175, 238, 238]) / 255.0))


def contrast(image, c, random, profile):
    x = image / 255.0
    mean = np.mean(x, axis=(0, 1), keepdims=True)
    return finish((x - mean) * c[0] + mean)


def in_hsv(image, change):
    hsv = sk.color.rgb2hsv(image / 255.0)
    change(hsv)
    return finish(sk.color.hsv2rgb(hsv))


def brightness(image, c, random, profile):
    def change(hsv):
        hsv[..., 2] = np.clip(hsv[..., 2] + c[0], 0, 1)

    return in_hsv(image, change)


def saturate(image, c, random, profile):
    def change(hsv):
        hsv[..., 1] = np.clip(hsv[..., 1] * c[0] + c[1], 0, 1)

    return in_hsv(image, change)


def jpeg_compression(image, c, random, profile):
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(c[0]))
    return np.array(Image.open(file))


def pixelate(image, c, random, profile):
    side = len(image)
    small = Image.fromarray(image).resize((int(side * c[0]), int(side * c[0])), Image.Resampling.BOX)
    return np.array(small.resize((side, side), Image.Resampling.BOX))


def elastic_transform(image, c, random, profile):
    alpha, sigma, affine = (UNITS[profile] * constant for constant in c)
    x, side = np.float32(image) / 255.0, len(image)
    centre, third = np.float32((side, side)) // 2, side // 3
    points = np.float32([centre + third, [centre[0] + third, centre[1] - third], centre - third])
    moved = points + random.uniform(-affine, affine, size=points.shape).astype(np.float32)
    matrix = cv2.getAffineTransform(points, moved)
    x = cv2.warpAffine(x, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    right, down = (
        (gaussian(random.uniform(-1, 1, size=(side, side)), sigma, mode="reflect", truncate=3) * alpha).astype(
            np.float32
        )
        for _ in range(2)
    )
    rows, columns, planes = np.mgrid[:side, :side, :3]
    places = [rows + down[..., None], columns + right[..., None], planes]
    return finish(map_coordinates(x, places, order=1, mode="reflect"))


def numbers(parity, name, row, image, constants):
    """Return our random numbers for one sample; elastic-transform's affine map is drawn before its fields."""
    given = parity.numbers(name, row, image, constants)
    if name == "elastic-transform":
        corners = parity.keys(row + 1).rows([row]).child("affine").uniform(3, 2)[0].numpy()
        rest = given["uniform"]
        given["uniform"] = lambda low, high, size: (
            low + (high - low) * corners if size == (3, 2) else rest(low, high, size)
        )
    return SimpleNamespace(**given)


def compare(parity, name, profile, images, severity, taken=None):
    """Return how far our results, of `taken` or else the same profile, and the formula's are apart."""
    formula, corruption = globals()[name.replace("-", "_")], parity.build(name)
    constants = corruption.constants.at(profile, float(severity))
    ours = parity.ours(name, images, severity, profile=taken or profile)
    rows = parity.defined(name, images, severity, profile)
    theirs = [
        formula(image, constants, numbers(parity, name, row, image, constants), profile)
        for row, image in enumerate(images)
        if rows[row]
    ]
    return np.abs(ours[rows].astype(int) - np.stack(theirs))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", SIDES)
def test_the_profile_is_the_scripts_formula_value_by_value(name, profile, parity, make_photographs):
    images = make_photographs(6 if SIDES[profile] <= 64 else 3, SIDES[profile], SIDES[profile])
    for severity in range(1, 6):
        assert compare(parity, name, profile, images, severity).max() == 0


@pytest.mark.parametrize("name", ["motion-blur", "snow", "frost", "elastic-transform", "pixelate"])
def test_control_the_program_of_imagecorruptions_is_told_apart_at_equal_constants(
    name, parity, make_photographs, monkeypatch
):
    """These have a program of their own there, not only other constants."""
    # 100 pixels: 40 fit into them so that places fall between two pixels.
    images = make_photographs(3, 100, 100)
    tables = type(parity.build(name)).constants.tables
    monkeypatch.setitem(tables, "imagecorruptions", tables["imagenet"])
    off = compare(parity, name, "imagenet", images, 3, taken="imagecorruptions")
    assert (off > 0).mean() > 0.01
