"""Augmentation: what it does to an image, and that it depends on the image's own key alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustkit import Keys
from robustkit.training.augment import SHIFT, augment


def keys(n: int, first: int = 0, epoch: int = 0) -> Keys:
    return Keys(seed=0, stream="test", version=1, ids=torch.arange(first, first + n), replicate=epoch)


def images(n: int) -> Tensor:
    return torch.arange(n * 2 * 5 * 6, dtype=torch.float32).reshape(n, 2, 5, 6) + 1


def test_flip_mirrors_about_half_and_leaves_the_others() -> None:
    before = images(400)
    after = augment(before, ["flip"], keys(400))
    mirrored = [torch.equal(one, other.flip(2)) for one, other in zip(after, before, strict=True)]
    kept = [torch.equal(one, other) for one, other in zip(after, before, strict=True)]
    assert all(one != other for one, other in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250  # five standard deviations of 400 fair coins


def test_crop_shifts_each_image_by_up_to_four_pixels_and_fills_with_zero() -> None:
    before = images(60)
    after = augment(before, ["crop"], keys(60))
    assert after.shape == before.shape
    shifts = set()
    for one, other in zip(after, before, strict=True):
        found = [shift for shift in SHIFTS if torch.equal(one, shifted(other, *shift))]
        assert found
        shifts.add(found[0])
    assert len(shifts) > 20


SHIFTS = [(down, right) for down in range(-SHIFT, SHIFT + 1) for right in range(-SHIFT, SHIFT + 1)]


def shifted(image: Tensor, down: int, right: int) -> Tensor:
    """Pixel by pixel: slow, and plainly right."""
    _, height, width = image.shape
    moved = torch.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                moved[:, y, x] = image[:, y - down, x - right]
    return moved


@pytest.mark.parametrize("name", ["flip", "crop"])
def test_a_sample_is_augmented_by_its_own_key(name: str) -> None:
    whole = augment(images(8), [name], keys(8))
    assert torch.equal(augment(images(8)[5:], [name], keys(3, first=5)), whole[5:])
    assert not torch.equal(augment(images(8), [name], keys(8, epoch=1)), whole)


def test_without_names_nothing_changes() -> None:
    assert augment(images(2), [], keys(2)) is not None
    assert torch.equal(augment(images(2), [], keys(2)), images(2))
