"""Severities between the published ones lie between them, and near 0 there is next to nothing."""

import cv2
import numpy as np
import pytest
import torch

import robustkit_corruptions

NAMES = [declared.name for declared in robustkit_corruptions.robustkit_perturbations()]
PROFILES = ["cifar", "tiny-imagenet", "imagenet", "inception", "imagecorruptions"]
LEAST = {
    "glass-blur": "severities below 1 are severity 1",
    "pixelate": "loses a row and a column at least",
    "jpeg-compression": "becomes 100, which rounds",
}
"""What these change at any severity above 0, as their classes say it."""


@pytest.fixture(scope="module")
def clouds():
    """Smooth colour images of 48 by 40 pixels, float64: what shows displacement and blur as photographs do."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 1, (6, 12, 10, 3)).astype(np.float32)
    images = np.stack([cv2.resize(image, (40, 48), interpolation=cv2.INTER_CUBIC) for image in coarse])
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).clamp(0, 1).to(torch.float64)


@pytest.fixture
def distortion(degraded, clouds):
    """Return a function: the mean distance, in levels, of the degraded clouds from the clouds."""

    def measure(name, severity, **params):
        return float((degraded(name, clouds, severity, **params) - clouds).abs().mean() * 255)

    return measure


@pytest.mark.parametrize("mode", ["reference", "fixed"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "pixelate"])
def test_none_is_stronger_than_both_its_neighbours(name, profile, mode, distortion):
    """But for what whole qualities and draws near a threshold do: a tenth and 0.3 levels.

    pixelate's sizes are whole, and those that divide the image's evenly change it least, as its class says.
    """
    published = [0.0] + [distortion(name, float(level), profile=profile, mode=mode) for level in range(1, 6)]
    for below in range(5):
        most = max(published[below : below + 2])
        for share in (0.05, 0.5, 0.99):
            between = distortion(name, below + share, profile=profile, mode=mode)
            assert between <= 1.1 * most + 0.3, f"{below + share}: {between:.2f} beside {published}"


@pytest.mark.parametrize("mode", ["reference", "fixed"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*LEAST, "shot-noise")])
def test_near_0_next_to_nothing_changes(name, profile, mode, distortion):
    assert distortion(name, 0.001, profile=profile, mode=mode) < 1


@pytest.mark.parametrize("name", LEAST)
def test_what_changes_all_the_same_says_so(name, make, distortion):
    assert distortion(name, 0.001, profile="cifar") > 0.3
    assert LEAST[name] in " ".join(type(make(name)).__doc__.split())


@pytest.mark.parametrize("profile", PROFILES)
def test_glass_has_no_weaker_form_than_severity_1(profile, degraded, clouds):
    first = degraded("glass-blur", clouds, 1.0, profile=profile)
    assert torch.equal(degraded("glass-blur", clouds, 0.4, profile=profile), first)
    assert not torch.equal(degraded("glass-blur", clouds, 1.4, profile=profile), first)


@pytest.mark.parametrize("profile", PROFILES)
def test_there_is_nothing_between_water_and_mud(profile, degraded, clouds, make):
    mud = degraded("spatter", clouds, 4.0, profile=profile)
    for severity in (3.001, 3.5, 3.999):
        assert torch.equal(degraded("spatter", clouds, severity, profile=profile), mud)
    assert not torch.equal(degraded("spatter", clouds, 2.999, profile=profile), mud)
    assert "severities above 3 and below 4 are severity 4" in " ".join(type(make("spatter")).__doc__.split())


@pytest.mark.parametrize(("profile", "severity"), [("imagenet", 2 + 0.9 / 1.9), ("cifar", 2 + 0.9 / 1.4)])
def test_saturate_passes_through_the_identity(profile, severity, degraded, clouds, make):
    assert torch.allclose(degraded("saturate", clouds, severity, profile=profile), clouds)
    assert f"{severity:.2f}" in type(make("saturate")).__doc__


@pytest.mark.parametrize("profile", PROFILES)
def test_water_becomes_rarer_below_severity_1(profile, degraded, clouds):
    wet = [float((degraded("spatter", clouds, s, profile=profile) != clouds).double().mean()) for s in (0.01, 0.9, 1.0)]
    assert wet[0] == 0 < wet[1] < wet[2]


def test_displacements_become_shorter_below_severity_1(make, make_keys):
    """Not rougher: severity 0.5 is half of severity 1, but for the affine map."""
    for profile in PROFILES:
        elastic = make("elastic-transform", profile=profile)
        half, whole = (
            elastic.sample(make_keys([3]), (3, 32, 32), torch.tensor([severity], dtype=torch.float64))[0].drawn
            for severity in (0.5, 1.0)
        )
        assert torch.allclose(2 * half.down, whole.down)
        assert torch.allclose(2 * half.right, whole.right)
