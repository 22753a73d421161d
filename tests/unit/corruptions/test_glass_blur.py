"""glass-blur's movements, against a plain loop over pixels."""

import pytest
import torch

from robustkit_corruptions.glass_blur import copied, copied_in_parallel, exchanged, visited, window

SIZES = [((3, 8, 8), 1, 1), ((3, 32, 32), 1, 2), ((3, 20, 40), 4, 2), ((1, 33, 25), 2, 3), ((3, 12, 12), 5, 2)]


def offsets_of(shape, delta, iterations, n=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-delta, delta, (n, iterations, *shape[1:], 2), generator=generator)


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


@pytest.mark.parametrize(("shape", "delta", "iterations"), SIZES)
def test_copies_and_exchanges_are_what_the_loop_does(shape, delta, iterations):
    offsets = offsets_of(shape, delta, iterations)
    steps = window(offsets, delta)
    assert copied(steps, shape, delta).tolist() == [walk(shape, delta, each, swap=False) for each in offsets]
    assert exchanged(steps, shape, delta).tolist() == [walk(shape, delta, each, swap=True) for each in offsets]


@pytest.mark.parametrize(("shape", "delta", "iterations"), [*SIZES, ((3, 64, 100), 3, 2)])
def test_one_by_one_and_in_parallel_are_the_same(shape, delta, iterations):
    steps = window(offsets_of(shape, delta, iterations), delta)
    assert torch.equal(copied_in_parallel(steps, shape, delta), copied(steps, shape, delta))


@pytest.mark.parametrize(("shape", "delta", "iterations"), SIZES)
def test_an_exchange_is_a_permutation_and_a_copy_is_none(shape, delta, iterations):
    steps = window(offsets_of(shape, delta, iterations), delta)
    pixels = torch.arange(shape[1] * shape[2])
    assert all(torch.equal(each.sort().values, pixels) for each in exchanged(steps, shape, delta))
    assert not all(torch.equal(each.sort().values, pixels) for each in copied(steps, shape, delta))


def test_what_is_visited():
    """Rows and columns above delta, up to side - delta, from the last to the first."""
    assert visited(8, 9, 3).tolist() == [5 * 9 + 6, 5 * 9 + 5, 5 * 9 + 4, 4 * 9 + 6, 4 * 9 + 5, 4 * 9 + 4]
    assert visited(8, 8, 4).tolist() == []


def test_images_smaller_than_the_window_are_blurred_only(corrupt, draw_images):
    """imagenet at severity 5 moves by up to 4 pixels: of 8 none is far enough from all edges."""
    images = draw_images(2, (3, 8, 8))
    first, second = (corrupt("glass-blur", images, 5.0, profile="imagenet", seed=seed) for seed in (0, 1))
    assert torch.equal(first, second)


def test_control_the_exchange_gives_another_image(corrupt, draw_images):
    images = draw_images(2, (3, 32, 32)).double() / 255
    copy, exchange = (corrupt("glass-blur", images, 3.0, mode=mode) for mode in ("reference", "fixed"))
    assert ((copy - exchange).abs() > 2 / 255).double().mean() > 0.05
