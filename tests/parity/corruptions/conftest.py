"""Our corruptions and the live imagecorruptions 1.1.2, on the same images and with the same random numbers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import poisson

import robustkit_corruptions
from robustkit import Keys
from robustkit_corruptions.params import CorruptionParams
from robustkit_corruptions.reference import injected, load_imagecorruptions

DECLARED = {declared.name: declared for declared in robustkit_corruptions.robustkit_perturbations()}


def photographs(n, height, width, seed=0):
    """Return (n, H, W, 3) uint8: in turn scenes of smooth colours, noise of all levels, and flat areas with edges."""
    rng = np.random.default_rng([seed, height, width])
    images = scenes(rng, n, height, width)
    images[1::3] = rng.integers(0, 256, images[1::3].shape)
    images[2::3, : height // 2] = images[2::3, :1, :1]
    images[2::3, :, : width // 3] = 255
    images[2::3, height // 2 :, -width // 4 :] = 0
    return images


def scenes(rng, n, height, width):
    """Return (n, H, W, 3) uint8 with the spectrum of photographs: amplitudes fall with the frequency."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1.0
    white = np.fft.rfft2(rng.normal(size=(n, 3, height, width)))
    fields = np.fft.irfft2(white / frequency, s=(height, width))
    fields -= fields.mean(axis=(2, 3), keepdims=True)
    # The channels of photographs are much alike.
    fields = 0.6 * fields.mean(axis=1, keepdims=True) * 3**0.5 + 0.4 * fields
    fields *= rng.uniform(30, 70, size=(n, 1, 1, 1)) / fields.std(axis=(1, 2, 3), keepdims=True)
    fields += rng.uniform(80, 170, size=(n, 1, 1, 1))
    return np.clip(fields, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1).copy()


class Replayed(np.random.Generator):
    """A generator that gives out fields made before, for functions that insist on one of their own."""

    def __init__(self, *fields):
        super().__init__(np.random.PCG64(0))
        self.fields = iter(fields)

    def random(self, size=None):
        field = next(self.fields)
        assert field.shape == tuple(size)
        return field


def _normals(keys, shape, *_):
    field = keys.normal(*shape, bits=32)[0].permute(1, 2, 0).numpy()
    return {"normal": lambda size, scale: scale * field}


def _counts(keys, shape, *_):
    field = keys.uniform(*shape, bits=32)[0].permute(1, 2, 0).numpy()
    # -1 is scipy's quantile of a mean of 0; there are no photons then.
    return {"poisson": lambda means: np.maximum(poisson.ppf(field, means), 0)}


def _impulses(keys, shape, amount):
    # The words as numbers in [0, 1): scikit-image hits where the first field is low, and salts where the second is.
    words = keys.halves(int(np.prod(shape)))[0].numpy().reshape(shape).transpose(1, 2, 0)
    field = (words.astype(np.float64) + 2.0**31) / 2.0**32
    return {"rng": Replayed(field, field / amount)}


def _glass(keys, shape, _sigma, delta, iterations):
    unsigned = keys.halves(int(iterations) * shape[1] * shape[2])[0].numpy().view("uint32")
    quarters = np.stack([unsigned >> np.uint32(16), unsigned & np.uint32(0xFFFF)], axis=-1)
    offsets = (np.floor(quarters / 2**16 * 2 * delta).astype(np.int64) - int(delta)).reshape(-1, *shape[1:], 2)
    inner = offsets[:, delta + 1 : shape[1] - delta + 1, delta + 1 : shape[2] - delta + 1]
    steps = iter(np.flip(inner, (1, 2)).reshape(-1, 2).tolist())
    return {"randint": lambda low, high, size: next(steps)}


def _motion(keys, shape, *_):
    return {"uniform": lambda low, high: low + (high - low) * float(keys.uniform()[0])}


def _snow(keys, shape, *_):
    field, angle = keys.child("flakes").normal(*shape[1:], bits=32)[0].numpy(), float(keys.child("angle").uniform()[0])
    return {
        "normal": lambda size, loc, scale: loc + scale * field,
        "uniform": lambda low, high: low + (high - low) * angle,
    }


def _frost(keys, shape, *_):
    numbers = iter(keys.uniform(3)[0].tolist())

    def randint(low, high=None):
        low, high = (0, low) if high is None else (low, high)
        return low + int(next(numbers) * (high - low))

    return {"randint": randint}


def _fog(keys, shape, *_):
    side = 1 << (max(shape[1:]) - 1).bit_length()
    numbers, used = keys.uniform(side * side - 1, bits=32)[0].numpy(), 0

    def uniform(low, high, size):
        nonlocal used
        used += int(np.prod(size))
        return low + (high - low) * numbers[used - int(np.prod(size)) : used].reshape(size)

    return {"uniform": uniform}


def _elastic(keys, shape, *_):
    fields = iter([keys.child(name).uniform(*shape[1:], bits=32)[0].numpy() for name in ("right", "down")])
    return {"uniform": lambda low, high, size: low + (high - low) * next(fields)}


def _spatter(keys, shape, *_):
    field = keys.normal(*shape[1:], bits=32)[0].numpy()
    return {"normal": lambda size, loc, scale: loc + scale * field}


NOTHING = ("nothing to give", None)
GIVEN = {
    "gaussian-noise": ("normal numbers", _normals),
    "shot-noise": ("counts: scipy's Poisson quantiles of uniform numbers", _counts),
    "impulse-noise": ("scikit-image's generator: uniform numbers", _impulses),
    "glass-blur": ("steps of every pixel", _glass),
    "motion-blur": ("angle", _motion),
    "snow": ("normal numbers and angle", _snow),
    "frost": ("photograph and position", _frost),
    "fog": ("uniform numbers", _fog),
    "elastic-transform": ("uniform numbers", _elastic),
    "speckle-noise": ("normal numbers", _normals),
    "spatter": ("normal numbers; images on which no drop falls left out", _spatter),
}


@dataclass(frozen=True)
class Parity:
    """Both sides, by the name of the corruption.

    Attributes:
        module: `imagecorruptions.corruptions`.
    """

    module: object

    def build(self, name, **params):
        module, attribute = DECLARED[name].target.split(":")
        return getattr(import_module(module), attribute)(CorruptionParams(**{"profile": "imagecorruptions"} | params))

    def keys(self, n, seed=0):
        return Keys(seed=seed, stream="corruptions/parity", version=1, ids=torch.arange(n))

    def ours(self, name, images, severity, seed=0, **params):
        """Return our uint8 results for (N, H, W, 3) uint8 images."""
        batch = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
        corruption, levels = self.build(name, **params), torch.full((len(batch),), severity, dtype=torch.float64)
        draws = corruption.sample(self.keys(len(batch), seed), tuple(batch.shape[1:]), levels)
        return corruption.apply(batch, draws).numpy().transpose(0, 2, 3, 1)

    def defined(self, name, images, severity, profile="imagecorruptions"):
        """Return which images the reference has a result for: where no drop of spatter falls, it divides 0 by 0."""
        if name != "spatter":
            return np.ones(len(images), dtype=bool)
        levels = torch.full((len(images),), severity, dtype=torch.float64)
        (group,) = self.build(name, profile=profile).sample(self.keys(len(images)), (3, *images.shape[1:3]), levels)
        wet = group.drawn.flatten(1).amax(1).numpy() > 0
        return wet | (group.constants[-1] == 1)

    def given(self, name):
        """Return what is given to both sides, in words."""
        return GIVEN.get(name, NOTHING)[0]

    def theirs(self, name, images, severity, rows=None):
        """Return the reference's results with our random numbers, as corrupt() of imagecorruptions casts them.

        With `rows`, a mask, for these images only.
        """
        constants = self.build(name).constants.at("imagecorruptions", float(severity))
        results = []
        for row, image in enumerate(images):
            if rows is None or rows[row]:
                with self._fed(self.numbers(name, row, image, constants)):
                    results.append(self._call(name, image, severity))
        return np.stack(results)

    def numbers(self, name, row, image, constants):
        """Return the random numbers of our sample `row`, as the functions of numpy.random that give them out."""
        replay = GIVEN.get(name, NOTHING)[1]
        return replay(self.keys(row + 1).rows([row]), (3, *image.shape[:2]), *constants) if replay else {}

    def their_own(self, name, images, severity, seed):
        """Return the reference's results with its own random numbers; what it divides 0 by 0 for is left as it is."""
        state = np.random.RandomState(seed)
        noise = {"rng": np.random.default_rng(seed)} if name == "impulse-noise" else {}
        names = ("normal", "uniform", "randint", "poisson")
        with self._fed(noise | {each: getattr(state, each) for each in names}), np.errstate(invalid="ignore"):
            results = np.stack([self._call(name, image, severity) for image in images])
        dry = (results == 0).all(axis=(1, 2, 3)) if name == "spatter" else np.zeros(len(images), dtype=bool)
        return np.where(dry[:, None, None, None], images, results)

    def _call(self, name, image, severity):
        return np.uint8(getattr(self.module, name.replace("-", "_"))(Image.fromarray(image), severity))

    @contextmanager
    def _fed(self, numbers):
        before, numbers = self.module.sk, dict(numbers)
        if rng := numbers.pop("rng", None):
            util = SimpleNamespace(random_noise=partial(before.util.random_noise, rng=rng))
            self.module.sk = SimpleNamespace(util=util, color=before.color)
        try:
            with injected(self.module, **numbers):
                yield
        finally:
            self.module.sk = before


@pytest.fixture(scope="session")
def parity():
    return Parity(load_imagecorruptions())


@pytest.fixture(scope="session")
def make_photographs():
    return photographs


@pytest.fixture(scope="session")
def make_scenes():
    return lambda n, seed=0: scenes(np.random.default_rng(seed), n, 32, 32)
