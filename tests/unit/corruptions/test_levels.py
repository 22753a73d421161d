"""contrast, pixelate and jpeg-compression: what their formulas imply, and Pillow, which the published programs call."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from robustkit_corruptions.jpeg_compression import recompress_colour, recompress_grey
from robustkit_corruptions.pixelate import box_resize, nearest


def test_contrast_keeps_the_mean_of_every_channel(draw_images, corrupt):
    images = draw_images(2, (3, 12, 12)).double() / 255
    result = corrupt("contrast", images, 4.0)
    assert torch.allclose(result.mean((2, 3)), images.mean((2, 3)))
    assert torch.allclose(
        result - result.mean((2, 3), keepdim=True), 0.3 * (images - images.mean((2, 3), keepdim=True))
    )


@pytest.mark.parametrize("size", [(8, 8), (33, 47), (100, 160), (224, 224)])
@pytest.mark.parametrize("factor", [0.95, 0.75, 0.6, 0.5, 0.3, 0.2])
def test_resizing_is_pillows(size, factor, draw_images):
    images = draw_images(2, (3, *size))
    small = max(1, int(size[0] * factor)), max(1, int(size[1] * factor))
    ours = box_resize(images, small)
    back = box_resize(ours, size)
    rows, columns = (nearest(s, b, torch.device("cpu")) for s, b in zip(small, size, strict=True))
    for image, shrunk, enlarged in zip(images, ours, back, strict=True):
        expected = Image.fromarray(image.movedim(0, 2).numpy()).resize(small[::-1], Image.Resampling.BOX)
        assert np.array_equal(shrunk.movedim(0, 2).numpy(), np.array(expected))
        boxed = expected.resize(size[::-1], Image.Resampling.BOX)
        assert np.array_equal(enlarged.movedim(0, 2).numpy(), np.array(boxed))
        taken = expected.resize(size[::-1], Image.Resampling.NEAREST)
        assert np.array_equal(shrunk.movedim(0, 2).numpy()[rows][:, columns], np.array(taken))


def test_control_a_product_for_the_nearest_pixel_is_told_apart():
    """Pillow adds a step up; (i + 0.5) s rounds differently at ties. Spec, 3.2: at 160x100, severity 3."""
    exact = nearest(64, 160, torch.device("cpu"))
    naive = ((torch.arange(160).double() + 0.5) * (64 / 160)).to(torch.int64)
    assert not torch.equal(exact, naive)


def test_one_pixel_rows_are_as_good_as_any():
    image = torch.arange(8, dtype=torch.uint8).view(1, 1, 1, 8)
    assert box_resize(image, (1, 1)).flatten().tolist() == [4]  # 3.5, rounded up


@pytest.mark.parametrize("quality", [5, 7, 25, 50, 80, 100])
@pytest.mark.parametrize("size", [(8, 8), (9, 17), (32, 32), (33, 47)])
def test_jpeg_is_pillows(quality, size, draw_images):
    def through(image):
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return np.array(Image.open(file))

    for image in draw_images(3, (3, *size)).numpy():
        expected = through(Image.fromarray(image.transpose(1, 2, 0).copy()))
        assert np.array_equal(recompress_colour(image, quality).transpose(1, 2, 0), expected)
        assert np.array_equal(recompress_grey(image[0], quality), through(Image.fromarray(image[0])))
