"""fog: plasma fractals as large as the next power of two."""

import numpy as np
import pytest


def fractal(uniforms, side, decay):
    """Diamond-square on a torus (Fournier, Fussell and Carpenter 1982), level by level on the map itself."""
    field = np.zeros((side, side))
    numbers, wobble, step = iter(uniforms), 100.0, side

    def noise(count):
        drawn = np.fromiter(numbers, float, count=count * count).reshape(count, count)
        return wobble * (-wobble + 2 * wobble * drawn)

    while step > 1:
        half, count = step // 2, side // step
        rows, columns = np.ix_(np.arange(count) * step, np.arange(count) * step)
        lower, righter = (rows + step) % side, (columns + step) % side
        corners = field[rows, columns] + field[lower, columns]
        corners = corners + (field[rows, righter] + field[lower, righter])
        field[rows + half, columns + half] = corners / 4 + noise(count)
        above, left = (rows - half) % side, (columns - half) % side
        vertical = field[rows + half, columns + half] + field[above, columns + half]
        horizontal = field[rows, columns] + field[rows, righter]
        new_top = (vertical + horizontal) / 4 + noise(count)
        across = field[rows + half, columns + half] + field[rows + half, left]
        down = field[rows, columns] + field[lower, columns]
        field[rows, columns + half] = new_top
        field[rows + half, columns] = (across + down) / 4 + noise(count)
        step, wobble = half, wobble / decay
    field -= field.min()
    return field / field.max()


def fog(image, constants, keys):
    strength, decay = constants
    height, width, _ = image.shape
    side = 1 << int(np.ceil(np.log2(max(height, width))))
    clouds = fractal(keys.uniform(side * side - 1, bits=32)[0].numpy(), side, decay)[:height, :width, None]
    values = image / 255
    brightest = values.max()
    return (((values + strength * clouds) * brightest / (brightest + strength)).clip(0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("severity", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_equals_the_oracle(severity, compare, native, profile):
    ours, expected = compare("fog", fog, severity, *native, profile)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 45), (4, 33, 17), (3, 64, 9)], ids=str)
@pytest.mark.parametrize("profile", ["cifar", "imagenet"])
def test_other_shapes_equal_the_oracle(shape, profile, compare):
    ours, expected = compare("fog", fog, 4.0, 6, shape, profile)
    assert np.array_equal(ours, expected)


def test_control_a_larger_map_is_told_apart(compare):
    def wide(image, constants, keys):
        return fog(np.pad(image, ((0, 32), (0, 0), (0, 0))), constants, keys)[:32]

    ours, expected = compare("fog", wide, 3.0, 6, (3, 32, 32), "cifar")
    assert (ours != expected).mean() > 0.5
