"""gaussian-blur, defocus-blur, motion-blur and zoom-blur: kernels, edges, flat images."""

import math

import numpy as np
import pytest
import torch

from robustkit_corruptions.defocus_blur import disk
from robustkit_corruptions.gaussian_blur import half_kernel
from robustkit_corruptions.motion_blur import line

BLURS = ["gaussian-blur", "defocus-blur", "motion-blur", "zoom-blur", "glass-blur"]


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 2.3, 6.5])
def test_normal_kernels_sum_to_one_and_fall_off_as_the_density(sigma):
    kernel = torch.tensor(half_kernel(sigma), dtype=torch.float64)
    assert len(kernel) == int(4 * sigma + 0.5) + 1
    assert kernel[0] + 2 * kernel[1:].sum() == pytest.approx(1)
    steps = torch.arange(len(kernel), dtype=torch.float64)
    assert torch.allclose(kernel / kernel[0], torch.exp(-(steps**2) / (2 * sigma**2)))


@pytest.mark.parametrize(("radius", "alias"), [(0.3, 0.4), (3, 0.1), (7, 0.5), (8, 0.5), (10, 0.5), (12, 0.5)])
def test_disks_sum_to_one_and_are_round(radius, alias):
    kernel = disk(radius, alias)
    # Where the disk reaches the end of its array, the smoothing mirrors the edge there and so adds to it.
    added = {7: 0.0029, 8: 0.0130, 10: 0.0108, 12: 0.0078}.get(radius, 0.0)
    assert kernel.sum() - 1 == pytest.approx(added, abs=1e-4)
    assert np.allclose(kernel, kernel.T, atol=1e-7)
    assert np.allclose(kernel, kernel[::-1], atol=1e-7)
    reach = len(kernel) // 2
    # Beyond the radius and the reach of the smoothing there is nothing, and within both all is as high as the centre.
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(rows, columns)
    assert not kernel[distance > radius + 3.9].any()
    assert np.allclose(kernel[distance < radius - 3.9], kernel[reach, reach])


@pytest.mark.parametrize("angle", [-45.0, -10.0, 0.0, 30.0, 45.0])
def test_motion_lines_are_half_normal_and_have_one_end_at_the_pixel(angle):
    found = line(10, 3.0, angle)
    weights = np.array(found.weights)
    assert weights.sum() == pytest.approx(1)
    assert np.allclose(weights / weights[0], np.exp(-(np.arange(21) ** 2) / 18))
    assert (found.down[0], found.right[0]) == (0, 0)
    for tap in range(21):
        assert abs(found.down[tap] - tap * math.sin(math.radians(angle))) <= 0.5 + 1e-9
        assert abs(found.right[tap] - tap * math.cos(math.radians(angle))) <= 0.5 + 1e-9


@pytest.mark.parametrize("name", BLURS)
@pytest.mark.parametrize("severity", [0.5, 1.0, 3.0, 5.0])
def test_blurs_leave_flat_images_alone(name, severity, corrupt):
    flat = torch.full((1, 3, 33, 40), 77, dtype=torch.uint8)
    for profile in ("cifar", "imagenet", "imagecorruptions"):
        assert torch.equal(corrupt(name, flat, severity, mode="fixed", profile=profile), flat)


def test_disks_that_fill_their_array_brighten_in_the_reference_only(corrupt):
    flat = torch.full((1, 1, 40, 40), 0.5, dtype=torch.float64)
    reference, fixed = (
        corrupt("defocus-blur", flat, 4.0, profile="imagenet", mode=mode)[0, 0, 0, 0] for mode in ("reference", "fixed")
    )
    assert reference == pytest.approx(0.5 * float(disk(8, 0.5).sum()), rel=1e-6)
    assert reference > 0.503
    assert fixed == pytest.approx(0.5, rel=1e-6)


def test_a_line_that_imagecorruptions_cuts_darkens_and_the_fixed_one_does_not(corrupt):
    """Spec, 1.4: a flat image of 200 at 32 pixels has a mean of 196.5 at severity 5."""
    flat = torch.full((64, 3, 32, 32), 200, dtype=torch.uint8)
    cut = corrupt("motion-blur", flat, 5.0, profile="imagecorruptions").double().mean()
    assert 195 < cut < 199
    whole = corrupt("motion-blur", flat, 5.0, profile="imagecorruptions", mode="fixed")
    assert torch.equal(whole, flat)


def test_motion_goes_one_way(corrupt):
    """A bright dot leaves its trail on one side: the weights fall off along a line that begins at the pixel."""
    dot = torch.zeros(200, 1, 33, 33, dtype=torch.float64)
    dot[:, :, 16, 16] = 1.0
    trail = corrupt("motion-blur", dot, 3.0, profile="imagenet").sum((0, 1, 2))
    assert trail[:16].sum() > 0.5 * trail.sum()
    assert not trail[17:].any()


@pytest.mark.parametrize("name", ["gaussian-blur", "defocus-blur"])
def test_a_dot_shows_the_kernel(name, corrupt):
    dot = torch.zeros(1, 1, 63, 63, dtype=torch.float64)
    dot[..., 31, 31] = 1.0
    blurred = corrupt(name, dot, 2.0, profile="imagenet")[0, 0]
    if name == "defocus-blur":
        expected = torch.from_numpy(disk(4, 0.5)).double()
    else:
        half = torch.tensor(half_kernel(2.0), dtype=torch.float64)
        whole = torch.cat([half.flip(0)[:-1], half])
        expected = whole[:, None] * whole
    reach = len(expected) // 2
    assert torch.allclose(blurred[31 - reach : 32 + reach, 31 - reach : 32 + reach], expected, atol=1e-12)
    assert blurred.sum() == pytest.approx(float(expected.sum()))


def test_zoom_blur_counts_the_image_twice_only_in_the_reference(corrupt):
    """A bright border is lost to every enlargement: what is left of it is its share of the mean."""
    images = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    images[..., 0, :] = 1.0
    # 11 factors from 1.00 to 1.10; the first is the image itself.
    for mode, share in (("reference", 2 / 12), ("fixed", 1 / 11)):
        corner = corrupt("zoom-blur", images, 1.0, profile="imagenet", mode=mode)[0, 0, 0, 0]
        within = corrupt("zoom-blur", images, 1.0, profile="imagenet", mode=mode)[0, 0, 0].mean()
        assert share - 1e-6 <= corner
        assert within == pytest.approx(float(corner), abs=0.2)
