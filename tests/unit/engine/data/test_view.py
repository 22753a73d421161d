from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from robustkit.components import View
from robustkit.engine.data import INTERPOLATIONS, NumpyDataset, ViewRequest, apply_view, open_layout, parse_view
from robustkit.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("224", ViewRequest(resize=224, crop=224)),
        ("resize=256", ViewRequest(resize=256)),
        ("crop=24", ViewRequest(crop=24)),
        (" crop=224, resize=256 ,interpolation=bicubic", ViewRequest(resize=256, crop=224, interpolation="bicubic")),
    ],
)
def test_option_is_read(text, expected):
    assert parse_view(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "whole pixels"),
        ("big", "whole pixels, got 'big'"),
        ("0", "1 pixel or more"),
        ("crop=-3", "1 pixel or more"),
        ("crop=2.5", "whole pixels"),
        ("crop=3,crop=3", "twice"),
        ("crop=3,", "got ''"),
        ("size=3", "got 'size'"),
        ("resize=3,crop=4", "fits into resize=3"),
        ("crop=4,interpolation=bicubic", "expected resize with interpolation"),
        ("resize=4,interpolation=bicubik", "got 'bicubik'"),
    ],
)
def test_wrong_option_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_view(text)


def test_misspelt_words_get_a_suggestion():
    for text, meant in (("resise=4", "'resize'"), ("resize=4,interpolation=bicubik", "'bicubic'")):
        with pytest.raises(ConfigError) as error:
            parse_view(text)
        assert meant in error.value.hint


def test_empty_request_is_refused():
    with pytest.raises(ConfigError, match="got neither"):
        ViewRequest()


@pytest.mark.parametrize(
    ("request_", "view"),
    [
        # 375 x 500 is the commonest size in ImageNet; 256 x 341 is what torchvision's Resize(256) makes of it.
        (ViewRequest(resize=256), View(channels=3, height=256, width=341, resize=256, interpolation="bilinear")),
        (ViewRequest(crop=224), View(channels=3, height=224, width=224, crop=224)),
        (
            ViewRequest(resize=256, crop=224, interpolation="bicubic"),
            View(channels=3, height=224, width=224, resize=256, crop=224, interpolation="bicubic"),
        ),
    ],
)
def test_view_states_what_was_done(request_, view):
    data = apply_view(NumpyDataset(images=np.zeros((1, 375, 500, 3), np.uint8), labels=np.zeros(1, int)), request_)
    assert data.view == view
    assert data.read(np.arange(1)).shape == (1, *view.shape)


def test_upright_images_are_resized_by_their_width():
    data = apply_view(
        NumpyDataset(images=np.zeros((1, 50, 20), np.uint8), labels=np.zeros(1, int)), ViewRequest(resize=10)
    )
    assert data.view.shape == (1, 25, 10)


@pytest.mark.parametrize(("side", "first"), [(4, 1), (3, 2), (2, 2), (1, 2)])
def test_crop_is_central_with_the_offset_rounded_half_to_even(side, first):
    # Offsets of torchvision's center_crop, int(round((6 - side) / 2.0)): 1, 1.5 -> 2, 2, 2.5 -> 2.
    images = np.arange(36, dtype=np.uint8).reshape(1, 6, 6)
    data = apply_view(NumpyDataset(images=images, labels=np.zeros(1, int)), ViewRequest(crop=side))
    np.testing.assert_array_equal(data.read(np.arange(1))[0, 0], images[0, first : first + side, first : first + side])


def test_nearest_doubling_repeats_pixels(grey, classes):
    data = apply_view(NumpyDataset(images=grey, labels=classes), ViewRequest(resize=10, interpolation="nearest"))
    np.testing.assert_array_equal(data.read(np.arange(12))[:, 0], grey.repeat(2, axis=1).repeat(2, axis=2))


def test_box_halving_is_the_mean_of_four(classes):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    data = apply_view(NumpyDataset(images=images, labels=classes), ViewRequest(resize=4, interpolation="box"))
    means = images.reshape(12, 4, 2, 4, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(data.read(np.arange(12))[:, 0], means, atol=1)
    assert np.abs(data.read(np.arange(12))[:, 0] - images[:, ::2, ::2].astype(float)).max() > 20  # not mere skipping


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_arrays_and_files_of_the_same_images_agree(tmp_path, write_image, colour, interpolation):
    # Files are resized as RGB in one call, arrays by channel: the two must not differ.
    for i, image in enumerate(colour):
        write_image(tmp_path / "set" / "one" / f"{i:02d}.png", image)
    request = ViewRequest(resize=6, crop=5, interpolation=interpolation)
    from_files = open_layout(tmp_path / "set", view=request)
    from_arrays = apply_view(NumpyDataset(images=colour, labels=np.zeros(12, int)), request)
    assert from_files.view == from_arrays.view
    np.testing.assert_array_equal(from_files.read(np.arange(12)), from_arrays.read(np.arange(12)))


def test_fourth_channel_is_not_taken_for_opacity(classes):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 4), dtype=np.uint8)
    four = apply_view(NumpyDataset(images=images, labels=classes), ViewRequest(resize=4))
    three = apply_view(NumpyDataset(images=images[..., :3], labels=classes), ViewRequest(resize=4))
    np.testing.assert_array_equal(four.read(np.arange(12))[:, :3], three.read(np.arange(12)))
    as_rgba = np.asarray(Image.fromarray(images[0]).resize((4, 4), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert not np.array_equal(four.read(np.arange(1))[0], as_rgba)


def test_floats_can_be_cropped_but_not_resized(grey, classes):
    data = NumpyDataset(images=(grey / 255).astype(np.float32), labels=classes, source="x.npz")
    assert apply_view(data, ViewRequest(crop=3)).read(np.arange(2)).dtype == np.float32
    with pytest.raises(DataError, match=r"x\.npz: expected uint8 images for --view resize=4, got float32"):
        apply_view(data, ViewRequest(resize=4))


def test_crop_larger_than_the_images_is_refused(grey, classes):
    with pytest.raises(DataError, match="at least 6 x 6 pixels for the crop, got 6 x 5"):
        apply_view(NumpyDataset(images=grey, labels=classes), ViewRequest(crop=6))


def test_view_of_no_samples_is_empty(grey, classes):
    data = apply_view(NumpyDataset(images=grey, labels=classes), ViewRequest(resize=4))
    assert data.read(np.array([], np.int64)).shape == (0, *data.view.shape)


def test_viewed_arrays_can_be_written_and_leave_the_source(grey, classes):
    kept = grey.copy()
    data = apply_view(NumpyDataset(images=grey, labels=classes), ViewRequest(crop=4))
    read = data.read(np.arange(12))
    assert read.flags.c_contiguous
    read[:] = 0
    np.testing.assert_array_equal(grey, kept)
    assert data.class_names == ()
    np.testing.assert_array_equal(data.labels, classes)
