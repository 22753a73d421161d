"""What holds for every corruption: between severities, within a batch, for all inputs."""

import pytest
import torch

import robustkit_corruptions
from robustkit.engine.perturb import perturb

NAMES = [declared.name for declared in robustkit_corruptions.robustkit_perturbations()]
DISCRETE = {
    "glass-blur",  # pixels move by whole pixels at any severity
    "pixelate",  # one row fewer is the least there is
    "jpeg-compression",  # even quality 100 rounds
}
WITHOUT_COLOUR = {
    # What treats RGB as grey pixel by pixel, when it is grey; the others draw for each channel or have a colour.
    "defocus-blur", "glass-blur", "motion-blur", "zoom-blur", "fog", "brightness", "contrast", "elastic-transform",
    "pixelate", "gaussian-blur",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (2, 9, 14), (3, 14, 9), (5, 9, 14)], ids=str)
def test_any_dtype_shape_and_channel_count_keeps_its_form_and_range(name, dtype, shape, draw_images, corrupt):
    images = draw_images(3, shape)
    images = images if dtype == torch.uint8 else (images / 255).to(dtype)
    before = images.clone()
    # A drop or a flake may miss an image of 8 pixels, and one channel has no saturation.
    changing = not (name in ("spatter", "snow") or (name == "saturate" and shape[0] == 1))
    for mode in ("reference", "fixed"):
        for severity in (0.5, 2.5, 5.0):
            result = corrupt(name, images, severity, mode=mode)
            assert (result.dtype, result.shape) == (images.dtype, images.shape)
            assert result.min() >= 0
            assert result.max() <= (255 if dtype == torch.uint8 else 1)
        assert not changing or not torch.equal(result, images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", NAMES)
def test_severity_0_is_the_identity_and_severities_mix_in_a_batch(name, build, draw_images, make_keys):
    images, severities = draw_images(6, (3, 16, 20)), torch.tensor([0.0, 5.0, 1.0, 2.5, 0.0, 5.0], dtype=torch.float64)
    mixed = perturb(build(name), images, make_keys(range(6)), severities)
    assert torch.equal(mixed[severities == 0], images[severities == 0])
    for row, severity in enumerate(severities):
        alone = perturb(build(name), images[row : row + 1], make_keys([row]), float(severity))
        assert torch.equal(mixed[row : row + 1], alone)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DISCRETE])
def test_a_vanishing_severity_vanishes(name, draw_images, corrupt):
    images = draw_images(3, (3, 16, 16)).double() / 255
    for profile in ("cifar", "imagenet", "imagecorruptions"):
        result = corrupt(name, images, 1e-9, profile=profile)
        assert torch.allclose(result, images, atol=1e-4 if name == "shot-noise" else 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_float_images_agree_with_uint8_images_within_a_level(name, draw_images, corrupt):
    images = draw_images(3, (3, 16, 16))
    coarse = corrupt(name, images, 3.0, mode="fixed")
    for dtype in (torch.float32, torch.float64):
        fine = corrupt(name, images.to(dtype) / 255, 3.0, mode="fixed")
        off = (coarse.double() / 255 - fine.double()).abs() * 255
        # glass-blur quantises inside, so that a value between two levels may fall to either.
        assert off.max() <= (1.0 if name == "glass-blur" else 0.5 + 1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_reference_lies_within_a_level_of_fixed_where_there_is_no_defect(name, draw_images, corrupt):
    """Truncation instead of rounding; only those whose class says more differ by more."""
    images = draw_images(3, (3, 32, 32))
    reference, fixed = (corrupt(name, images, 3.0, mode=mode).int() for mode in ("reference", "fixed"))
    defects = {"glass-blur", "motion-blur", "zoom-blur", "snow", "frost", "saturate"}
    if name not in defects:
        assert (reference - fixed).abs().max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_depends_on_its_id_and_seed_alone(name, draw_images, corrupt):
    images = draw_images(4, (3, 16, 16))
    whole = corrupt(name, images, 3.0, ids=[5, 9, 2**40, 7])
    shuffled = corrupt(name, images[[2, 0]], 3.0, ids=[2**40, 5])
    assert torch.equal(shuffled, whole[[2, 0]])
    other = corrupt(name, images, 5.0, ids=[5, 9, 2**40, 7], seed=1)
    assert not torch.equal(other, whole)


@pytest.mark.parametrize("name", sorted(WITHOUT_COLOUR))
@pytest.mark.parametrize("mode", ["reference", "fixed"])
def test_one_channel_is_treated_as_grey_rgb_is(name, mode, draw_images, corrupt):
    grey = draw_images(3, (1, 16, 20))
    for severity in (1.0, 3.0, 5.0):
        alone = corrupt(name, grey, severity, mode=mode)
        colour = corrupt(name, grey.expand(-1, 3, -1, -1), severity, mode=mode)
        assert torch.equal(colour, alone.expand(-1, 3, -1, -1))


@pytest.mark.parametrize("name", ["gaussian-noise", "speckle-noise", "shot-noise", "impulse-noise"])
def test_noise_levels_nest(name, build, make_keys):
    noise = build(name, profile="cifar")
    mild, strong = (noise.sample(make_keys([3, 4]), (3, 8, 8), torch.tensor([s, s]))[0] for s in (1.0, 5.0))
    assert torch.equal(mild.drawn, strong.drawn)
    assert mild.constants != strong.constants
