"""glass-blur's movements, against a plain loop over pixels."""

import numpy as np
import pytest
import torch

from robustkit_corruptions.glass_blur import copied, exchanged, neighbours

SIZES = [((3, 8, 8), 1, 1), ((3, 32, 32), 1, 2), ((3, 20, 40), 4, 2), ((1, 33, 25), 2, 3), ((3, 12, 12), 5, 2)]


def halves_of(shape, iterations, n=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-(2**31), 2**31 - 1, (n, iterations, *shape[1:]), generator=generator, dtype=torch.int32)


def offsets_of(halves, delta):
    """The steps along width and height that halves of random words stand for: by their upper and lower 16 bits."""
    unsigned = halves.numpy().view("uint32")
    quarters = np.stack([unsigned >> np.uint32(16), unsigned & np.uint32(0xFFFF)], axis=-1)
    return np.floor(quarters / 2**16 * 2 * delta).astype(np.int64) - delta


def walk(shape, delta, offsets, swap):
    """The published loop over one field of pixel numbers: from the last pixel to the first."""
    _, height, width = shape
    field = [[row * width + column for column in range(width)] for row in range(height)]
    for step in offsets.tolist():
        for row in range(height - delta, delta, -1):
            for column in range(width - delta, delta, -1):
                across, down = step[row][column]
                there = field[row + down][column + across]
                if swap:
                    field[row + down][column + across] = field[row][column]
                field[row][column] = there
    return [pixel for row in field for pixel in row]


@pytest.mark.parametrize(("shape", "delta", "iterations"), [*SIZES, ((3, 64, 100), 3, 2)])
def test_copies_and_exchanges_are_what_the_loop_does(shape, delta, iterations):
    halves = halves_of(shape, iterations)
    offsets, sources = offsets_of(halves, delta), neighbours(halves, delta)
    assert copied(sources).tolist() == [walk(shape, delta, each, swap=False) for each in offsets]
    assert exchanged(sources).tolist() == [walk(shape, delta, each, swap=True) for each in offsets]


@pytest.mark.parametrize(("shape", "delta", "iterations"), SIZES)
def test_an_exchange_is_a_permutation_and_a_copy_is_none(shape, delta, iterations):
    sources = neighbours(halves_of(shape, iterations), delta)
    pixels = torch.arange(shape[1] * shape[2])
    assert all(torch.equal(each.sort().values, pixels) for each in exchanged(sources))
    assert not all(torch.equal(each.sort().values, pixels) for each in copied(sources))


def test_the_longest_chain_is_followed_to_its_end():
    """Each pixel takes the next one's value, which the next one took before: all have that of the last."""
    row = torch.arange(1, 101).clamp(max=99).view(1, 1, 1, 100)
    assert copied(row).tolist() == [[99] * 100]


def test_images_smaller_than_the_window_are_blurred_only(corrupt, draw_images):
    """imagenet at severity 5 moves by up to 4 pixels: of 8 none is far enough from all edges."""
    images = draw_images(2, (3, 8, 8))
    first, second = (corrupt("glass-blur", images, 5.0, profile="imagenet", seed=seed) for seed in (0, 1))
    assert torch.equal(first, second)


def test_control_the_exchange_gives_another_image(corrupt, draw_images):
    images = draw_images(2, (3, 32, 32)).double() / 255
    copy, exchange = (corrupt("glass-blur", images, 3.0, mode=mode) for mode in ("reference", "fixed"))
    assert ((copy - exchange).abs() > 2 / 255).double().mean() > 0.05
