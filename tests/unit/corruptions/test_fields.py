"""fog, snow, spatter and elastic-transform: what their formulas imply."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from robustkit_corruptions.elastic_transform import affine_map, interpolate
from robustkit_corruptions.fog import clouds


def uniforms(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("side", [2, 8, 64])
def test_clouds_fill_the_unit_interval(side):
    fields = clouds(uniforms(3, side * side - 1), 2.0)
    assert fields.shape == (3, side, side)
    assert torch.equal(fields.amin((1, 2)), torch.zeros(3, dtype=torch.float64))
    assert torch.equal(fields.amax((1, 2)), torch.ones(3, dtype=torch.float64))


def test_slower_decay_makes_rougher_clouds():
    rough, smooth = (clouds(uniforms(8, 64 * 64 - 1), decay).diff(dim=2).abs().mean() for decay in (1.4, 3.0))
    assert rough > 2 * smooth


def test_fog_keeps_the_brightest_value(draw_images, corrupt):
    images = draw_images(4, (3, 16, 16)).double() / 255 * 0.8
    foggy = corrupt("fog", images, 3.0)
    assert bool((foggy.amax((1, 2, 3)) <= images.amax((1, 2, 3)) + 1e-12).all())


def test_snow_is_the_same_upside_down(corrupt):
    """The layer of flakes is added a second time, turned by 180 degrees."""
    flat = torch.full((4, 3, 24, 24), 0.2, dtype=torch.float64)
    snowy = corrupt("snow", flat, 3.0)
    assert torch.allclose(snowy, snowy.flip(2, 3), atol=1e-6)
    assert bool((snowy >= 0.2 - 1e-6).all())


@pytest.mark.parametrize("severity", [2.0, 5.0])
def test_spatter_has_one_colour_by_kind(severity, corrupt):
    black, kind = torch.zeros(20, 3, 32, 32, dtype=torch.float64), {2.0: (175, 238, 238), 5.0: (63, 42, 20)}
    drops = corrupt("spatter", black, severity).movedim(1, 3)
    wet = drops[drops.sum(3) > 0]
    assert 0 < len(wet) < 20 * 32 * 32
    expected = torch.tensor(kind[severity], dtype=torch.float64) / 255
    assert torch.allclose(wet / wet[:, :1], (expected / expected[0]).expand_as(wet), atol=1e-4)


def test_spatter_on_which_no_drop_falls_changes_nothing(corrupt, build, make_keys, draw_images):
    """The reference divides 0 by 0 there: spec, 1.2."""
    images = draw_images(2, (3, 32, 32))
    spatter = build("spatter", profile="imagecorruptions")
    keys = make_keys(range(200))
    drawn = spatter.sample(keys, (3, 32, 32), torch.ones(200, dtype=torch.float64))[0].drawn
    dry = (drawn.flatten(1).amax(1) == 0).nonzero().flatten()
    assert 0 < len(dry) < 50
    result = corrupt(
        "spatter", images[:1].expand(len(dry), -1, -1, -1), 1.0, ids=dry.tolist(), profile="imagecorruptions"
    )
    assert torch.equal(result, images[:1].expand(len(dry), -1, -1, -1))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 20, 33)])
def test_interpolation_is_scipys(shape):
    images = uniforms(2, *shape).to(torch.float32)
    height, width = shape[1:]
    downs = uniforms(2, height, width) * 4 * height - 2 * height
    rights = uniforms(2, height, width).flip(2) * 4 * width - 2 * width
    ours = interpolate(images, downs, rights)
    for image, down, right, result in zip(images, downs, rights, ours, strict=True):
        places = np.indices((height, width)) + np.stack([down, right])
        for plane, found in zip(image.numpy(), result.numpy(), strict=True):
            expected = map_coordinates(plane, places, order=1, mode="reflect")
            assert np.allclose(found, expected, rtol=0, atol=1e-6)


def test_an_affine_map_that_moves_nothing_changes_nothing():
    images = uniforms(2, 3, 17, 24).to(torch.float32)
    moved = affine_map(images, np.zeros((2, 3, 2), dtype=np.float32))
    assert torch.allclose(moved, images, rtol=0, atol=1e-6)


def test_an_affine_map_that_moves_all_points_alike_shifts():
    images = uniforms(1, 1, 17, 24).to(torch.float32)
    moved = affine_map(images, np.full((1, 3, 2), (2, 1), dtype=np.float32))
    assert torch.allclose(moved[..., 1:, 2:], images[..., :-1, :-2], atol=1e-6)
