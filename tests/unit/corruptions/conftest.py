import numpy as np
import pytest
import torch

import robustkit


@pytest.fixture
def draw_images():
    """Return a function that makes (n, C, H, W) uint8 images: noise, ramps, and flat areas with black and white."""

    def draw(n, shape, seed=0):
        channels, height, width = shape
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, size=(n, *shape), dtype=np.uint8)
        rows, columns = np.mgrid[:height, :width]
        for index in range(0, n, 2):
            for channel in range(channels):
                ramp = 40 * (channel + 1) + 3 * rows + 2 * columns * (index + 1)
                images[index, channel] = ramp % 256
            images[index, :, : height // 3, : width // 2] = 0
            images[index, :, height // 2 :, : width // 4] = 255
            images[index, :, -height // 4 :, -width // 3 :] = rng.integers(0, 256, size=(channels, 1, 1))
        return torch.from_numpy(images)

    return draw


@pytest.fixture
def make_keys():
    def make(ids, seed=0):
        return robustkit.Keys(seed=seed, stream="corruptions/test", version=1, ids=torch.as_tensor(ids))

    return make
