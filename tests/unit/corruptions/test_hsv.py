"""brightness and saturate against colorsys, of the standard library: another implementation of HSV."""

import colorsys

import pytest
import torch

from robustkit_corruptions.hsv import raise_value, stretch_saturation


def pixels(n, seed=0):
    drawn = torch.rand(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    drawn[::10] = (drawn[::10] * 3).round() / 3  # ties between channels, black, white, greys
    return drawn


def by_colorsys(pixel, change):
    return torch.tensor(colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*pixel))), dtype=torch.float64)


@pytest.mark.parametrize("shift", [0.05, 0.2, 0.5])
def test_brightness_agrees_with_colorsys(shift):
    chosen = pixels(2000)
    ours = raise_value(chosen[:, :, None, None], shift)[:, :, 0, 0]
    for pixel, result in zip(chosen.tolist(), ours, strict=True):
        expected = by_colorsys(pixel, lambda hue, saturation, value: (hue, saturation, min(value + shift, 1)))
        assert torch.allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize(("factor", "shift"), [(0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2)])
@pytest.mark.parametrize("keep_grey", [False, True])
def test_saturate_agrees_with_colorsys(factor, shift, keep_grey):
    chosen = pixels(2000)
    ours = stretch_saturation(chosen[:, :, None, None], factor, shift, keep_grey=keep_grey)[:, :, 0, 0]

    def stretched(hue, saturation, value):
        grey = keep_grey and saturation == 0
        return hue, 0.0 if grey else min(max(saturation * factor + shift, 0), 1), value

    for pixel, result in zip(chosen.tolist(), ours, strict=True):
        assert torch.allclose(result, by_colorsys(pixel, stretched), atol=1e-12)


def test_brightness_of_other_channel_counts_scales_as_colour_does():
    colour = torch.tensor([0.1, 0.4, 0.2], dtype=torch.float64)
    five = torch.cat([colour, torch.tensor([0.0, 0.3])]).view(1, 5, 1, 1)
    assert torch.allclose(raise_value(five, 0.4)[:, :3], raise_value(colour.view(1, 3, 1, 1), 0.4))
    assert torch.equal(raise_value(torch.zeros(1, 5, 1, 1), 0.4), torch.full((1, 5, 1, 1), 0.4))


def test_brightness_keeps_grey_images_grey():
    grey = torch.linspace(0, 1, 11).view(1, 1, 1, 11)
    assert torch.equal(raise_value(grey, 0.25), (grey + 0.25).clamp(max=1))
    assert torch.equal(raise_value(grey.expand(1, 3, 1, 11), 0.25), raise_value(grey, 0.25).expand(1, 3, 1, 11))


def test_saturate_of_other_channel_counts_is_that_of_colour_on_three_of_them():
    colour = torch.tensor([0.1, 0.4, 0.2], dtype=torch.float64).view(1, 3, 1, 1)
    four = torch.cat([colour, torch.full((1, 1, 1, 1), 0.3, dtype=torch.float64)], dim=1)
    for factor, shift in ((0.3, 0.0), (2.0, 0.0), (5.0, 0.1)):
        expected = stretch_saturation(colour, factor, shift, keep_grey=True)
        assert torch.allclose(stretch_saturation(four, factor, shift, keep_grey=True)[:, :3], expected)


@pytest.mark.parametrize("mode", ["reference", "fixed"])
@pytest.mark.parametrize("severity", [1.0, 3.0, 5.0])
def test_saturate_leaves_images_of_one_channel_as_they_are(mode, severity, corrupt, draw_images):
    grey = draw_images(2, (1, 16, 16))
    assert torch.equal(corrupt("saturate", grey, severity, mode=mode), grey)


def test_greys_turn_reddish_in_the_reference_and_stay_grey_when_fixed(corrupt):
    grey = torch.full((1, 3, 8, 8), 120, dtype=torch.uint8)
    red, green, blue = corrupt("saturate", grey, 5.0)[0, :, 0, 0].tolist()
    assert red == 120
    assert green == blue < 120
    assert torch.equal(corrupt("saturate", grey, 5.0, mode="fixed"), grey)
