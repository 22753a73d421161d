"""mode=fixed mends the defects that the classes state, mode=reference has them."""

import pytest
import torch

import robustkit_corruptions
from robustkit_corruptions.elastic_transform import affine_map
from robustkit_corruptions.frost_files import find_files

NAMES = [declared.name for declared in robustkit_corruptions.robustkit_perturbations()]
PROFILES = ["cifar", "tiny-imagenet", "imagenet", "inception", "imagecorruptions"]
MENDED = ["defocus-blur", "elastic-transform", "frost", "glass-blur", "motion-blur", "saturate", "snow", "zoom-blur"]


def flat(side, value=200):
    return torch.full((2, 3, side, side), value, dtype=torch.uint8)


@pytest.mark.parametrize("name", MENDED)
def test_the_class_says_what_is_mended(name, make):
    text = " ".join(type(make(name)).__doc__.split())
    assert "reference: " in text
    assert " fixed: " in text


@pytest.mark.parametrize("profile", PROFILES)
def test_levels_are_rounded_not_truncated(profile, degraded, draw_images):
    """Compared with the same computation on floats, which are not quantised."""
    images = draw_images(4, (3, 20, 24))
    for name in ("gaussian-noise", "gaussian-blur", "motion-blur", "zoom-blur", "contrast", "fog", "snow"):
        exact = degraded(name, images.double() / 255, 3.0, profile=profile, mode="fixed") * 255
        fixed = degraded(name, images, 3.0, profile=profile, mode="fixed")
        off = (fixed - exact).abs()
        assert off.max() <= 0.5 + 1e-3
        assert (fixed - exact).mean().abs() < 0.1
    truncated = degraded("gaussian-noise", images, 3.0, profile=profile)
    rounded = degraded("gaussian-noise", images, 3.0, profile=profile, mode="fixed")
    assert set((rounded.int() - truncated).unique().tolist()) == {0, 1}


@pytest.mark.parametrize("side", [8, 20, 32, 160])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "name", ["motion-blur", "zoom-blur", "glass-blur", "gaussian-blur", "defocus-blur", "elastic-transform", "contrast"]
)
def test_flat_images_stay_as_they_are(name, profile, side, degraded):
    for severity in (1.0, 3.0, 5.0):
        assert torch.equal(degraded(name, flat(side), severity, profile=profile, mode="fixed"), flat(side))


def test_reference_loses_the_ends_of_lines_and_edges_of_enlargements(degraded):
    """What the test above mends: imagecorruptions' lines at 32 pixels, and all sets' enlargements at 160."""
    assert degraded("motion-blur", flat(32), 5.0, profile="imagecorruptions").min() < 198
    for profile in ("imagenet", "imagecorruptions"):
        blurred = degraded("zoom-blur", flat(160), 5.0, profile=profile)
        assert blurred[..., -1].max() < 190 < blurred[..., 80, 80].min()


def test_an_image_counts_once_in_zoom_blur(degraded):
    """With one enlargement, by a factor of 1, it is the image; reference's weight of two shows with two."""
    images = torch.rand((2, 3, 100, 100), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # The largest factors of severities 1 / 6 and 1 / 3 of cifar are 1 and 1.01.
    one, two = (degraded("zoom-blur", images, s, profile="cifar", mode="fixed") for s in (0.16, 0.33))
    assert torch.allclose(one, images, atol=1e-6)
    counted_twice = degraded("zoom-blur", images, 0.33, profile="cifar")
    assert torch.allclose((counted_twice - images) * 3, (two - images) * 2, atol=1e-6)
    assert not torch.allclose(two, images, atol=1e-2)


@pytest.mark.parametrize("profile", PROFILES)
def test_greys_stay_grey_under_saturate(profile, degraded, draw_images):
    grey = draw_images(4, (1, 16, 16)).expand(-1, 3, -1, -1).contiguous()
    for severity in (1.0, 2.5, 4.0, 5.0):
        assert torch.equal(degraded("saturate", grey, severity, profile=profile, mode="fixed"), grey)
    reddish = degraded("saturate", grey, 5.0, profile=profile)
    assert (reddish[:, 0] > reddish[:, 1]).any()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_sixth_photograph_is_reached(profile, make, make_keys):
    """Of many draws, as many parts of photographs come from the last sixth of the unit interval as do."""
    chosen = {}
    for mode in ("reference", "fixed"):
        frost = make("frost", profile=profile, mode=mode)
        keys = make_keys(range(60))
        chosen[mode] = frost.draw(keys, (3, 24, 24), frost.constants.at(profile, 3.0))
    last = make_keys(range(60)).uniform(3)[:, 0] * len(find_files()) >= 5
    assert 3 < int(last.sum()) < 20
    alike = torch.tensor([bool((a == b).all()) for a, b in zip(chosen["reference"], chosen["fixed"], strict=True)])
    assert not alike[last].any()


@pytest.mark.parametrize("profile", PROFILES)
def test_glass_exchanges_pixels(profile, make, make_keys):
    for severity in (1.0, 3.0, 5.0):
        sources = {}
        for mode in ("reference", "fixed"):
            glass = make("glass-blur", profile=profile, mode=mode)
            sources[mode] = glass.draw(make_keys([4]), (3, 20, 31), glass.constants.at(profile, severity))[0]
        assert torch.equal(sources["fixed"].sort().values, torch.arange(20 * 31))
        assert not torch.equal(sources["reference"].sort().values, torch.arange(20 * 31))


def test_glass_holds_no_whole_levels_between_its_blurs(degraded):
    """A weak signal on a float image is lost by truncation to levels."""
    images = torch.full((1, 3, 24, 24), 0.5, dtype=torch.float64)
    images[..., 12, 12] += 0.2 / 255
    fixed = degraded("glass-blur", images, 1.0, profile="cifar", mode="fixed")
    assert torch.allclose(fixed.sort(dim=-1).values.amax(), images.amax(), atol=1e-6)
    reference = degraded("glass-blur", images, 1.0, profile="cifar")
    assert torch.unique(reference.round(decimals=6)).numel() == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_flakes_are_not_held_in_levels(profile, make, make_keys):
    for mode in ("reference", "fixed"):
        snow = make("snow", profile=profile, mode=mode)
        layer = snow.draw(make_keys([4]), (3, 24, 24), snow.constants.at(profile, 3.0)) * 255
        assert torch.allclose(layer, layer.round(), atol=1e-9) == (mode == "reference")


def test_affine_points_lie_about_the_centre(degraded, draw_images):
    """A map of the middle three points leaves the middle of a wide image where it is, to the length of the moves."""
    images = torch.rand((1, 1, 20, 60), generator=torch.Generator().manual_seed(0))
    still = torch.zeros((1, 3, 2)).numpy()
    assert torch.allclose(affine_map(images, still), images, atol=1e-5)
    wide = draw_images(4, (3, 20, 60))
    fixed, reference = (
        degraded("elastic-transform", wide, 1.0, profile="cifar", mode=m) for m in ("fixed", "reference")
    )
    assert (fixed != reference).double().mean() > 0.2
    square = draw_images(4, (3, 32, 32))
    fixed, reference = (
        degraded("elastic-transform", square, 1.0, profile="cifar", mode=mode) for mode in ("fixed", "reference")
    )
    assert (fixed.int() - reference).abs().max() <= 1


@pytest.mark.parametrize("name", [name for name in NAMES if name not in MENDED])
def test_the_others_differ_by_rounding_alone(name, degraded, draw_images):
    images = draw_images(4, (3, 24, 24))
    for profile in PROFILES:
        fixed, reference = (
            degraded(name, images, 4.0, profile=profile, mode=mode).int() for mode in ("fixed", "reference")
        )
        assert (fixed - reference).abs().max() <= 1
