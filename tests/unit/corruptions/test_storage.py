"""Corruptions as they are after storage: what the JPEG files of ImageNet-C hold."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from robustkit.errors import ConfigError
from robustkit.host import load_host
from robustkit.host.validate import parse_params
from robustkit_corruptions.fog import Fog
from robustkit_corruptions.params import CorruptionParams


def fogged(images, keys, **params):
    fog = Fog(CorruptionParams(**params))
    severity = torch.full((len(images),), 3.0, dtype=torch.float64)
    return fog.apply(images, fog.sample(keys, tuple(images.shape[1:]), severity))


def through_a_file(image, quality):
    """The published scripts' way: Pillow, `quality=85, optimize=True`."""
    file = io.BytesIO()
    pixels = image.permute(1, 2, 0).numpy() if len(image) == 3 else image[0].numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True)
    read = np.array(Image.open(file))
    return torch.from_numpy(read[None] if read.ndim == 2 else read.transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 33, 50)])
def test_it_is_what_a_file_of_that_quality_holds(draw_images, make_keys, shape):
    images, keys = draw_images(4, shape), make_keys(range(4))
    plain, stored = fogged(images, keys), fogged(images, keys, storage_jpeg=85)
    expected = torch.stack([through_a_file(image, 85) for image in plain])
    assert torch.equal(stored, expected)
    assert not torch.equal(stored, plain)
    assert not torch.equal(fogged(images, keys, storage_jpeg=84), expected)


def test_floats_are_rounded_to_levels_as_a_file_needs_them(draw_images, make_keys):
    images, keys = draw_images(2, (3, 32, 32)).double() / 255, make_keys(range(2))
    levels = (fogged(images, keys) * 255).round().to(torch.uint8)
    expected = torch.stack([through_a_file(image, 85) for image in levels])
    assert torch.equal((fogged(images, keys, storage_jpeg=85) * 255).round().to(torch.uint8), expected)


def test_mixed_severities_are_stored_too(draw_images, make_keys):
    images, keys = draw_images(2, (3, 32, 32)), make_keys(range(2))
    fog = Fog(CorruptionParams(storage_jpeg=85))
    mixed = fog.apply(images, fog.sample(keys, (3, 32, 32), torch.tensor([3.0, 5.0], dtype=torch.float64)))
    assert torch.equal(mixed[:1], fogged(images, keys, storage_jpeg=85)[:1])


def test_a_quality_that_jpeg_does_not_have_is_refused():
    entry = load_host(strict=True).catalog.find("perturbation", "corruptions/fog")
    assert parse_params(entry, {"storage-jpeg": 85}).storage_jpeg == 85
    for wrong in (-1, 101, "good"):
        with pytest.raises(ConfigError, match="storage_jpeg"):
            parse_params(entry, {"storage_jpeg": wrong})
