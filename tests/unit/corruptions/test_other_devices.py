"""What computes on other devices than a CPU, run on one beside the CPU's own way; and, where there is CUDA, on that."""

import math

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import robustkit
import robustkit_corruptions
from robustkit_corruptions.colour import luma, weighted
from robustkit_corruptions.contrast import channel_mean
from robustkit_corruptions.defocus_blur import _convolve, disk
from robustkit_corruptions.gaussian_blur import convolve, half_kernel, smooth, smooth_noise
from robustkit_corruptions.motion_blur import _along, _cut, _gathered, line
from robustkit_corruptions.poisson import quantiles

NAMES = [declared.name for declared in robustkit_corruptions.robustkit_perturbations()]
SIZES = [(8, 8), (32, 32), (33, 47), (100, 160)]


def levels(values):
    return (values.clamp(0, 1) * 255).to(torch.uint8).int()


def differing(found, expected):
    """The largest difference between the levels of two results, and the share of values that differ."""
    off = (levels(found) - levels(expected)).abs()
    return int(off.max()), float((off > 0).double().mean())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("sigma", "truncate", "edge"), [
    (0.4, 4.0, "nearest"), (1.0, 4.0, "nearest"), (6.5, 4.0, "nearest"), (0.0, 4.0, "nearest"),
    (0.32, 3.0, "reflect"), (2.24, 3.0, "reflect"), (170.8, 3.0, "reflect"),
])  # fmt: skip
def test_the_normal_kernel_is_applied_as_scipy_applies_it_bit_for_bit(size, sigma, truncate, edge, draw_images):
    images = draw_images(2, (3, *size)).double() / 255
    found = images
    for dim in (-2, -1):
        found = convolve(found, half_kernel(sigma, truncate), dim, edge)
    expected = gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode=edge, truncate=truncate)
    assert torch.equal(found, torch.from_numpy(expected))
    assert torch.equal(smooth(images, (sigma, sigma), truncate=truncate, edge=edge), found)
    by_opencv = smooth_noise(images.flatten(0, 1), (sigma, sigma), truncate=truncate, edge=edge)
    assert torch.allclose(by_opencv.view_as(found), found, rtol=0, atol=1e-14)


def test_the_normal_kernel_keeps_float32_as_scipy_does(draw_images):
    images = draw_images(2, (3, 32, 32)).float() / 255
    found = images
    for dim in (-2, -1):
        found = convolve(found, half_kernel(0.6), dim)
    assert torch.equal(found, torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, 0.6, 0.6), mode="nearest")))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("constants", [(0.3, 0.4), (1.5, 0.1), (6, 0.5), (10, 0.5), (12, 0.5)])
def test_the_disk_is_applied_within_a_level_on_1_value_in_1000(size, constants, draw_images):
    images = draw_images(4, (3, *size)).double() / 255
    kernel = disk(*constants)
    found = _convolve(images.flatten(0, 1), kernel)
    expected = torch.from_numpy(np.stack([cv2.filter2D(plane, -1, kernel) for plane in images.flatten(0, 1).numpy()]))
    assert torch.allclose(found, expected, rtol=0, atol=1e-14)
    largest, share = differing(found, expected)
    assert largest <= 1
    # Flat areas lie on whole levels, where truncation shows the last bit; the images are full of them.
    assert share <= 1e-3 or size == (8, 8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cut", [False, True])
def test_lines_are_gathered_as_they_are_added_bit_for_bit(size, cut, draw_images):
    fields = draw_images(7, (3, *size)).double()
    lines = [line(20, 15.0, angle) for angle in (-45.0, -44.9, -13.0, 0.0, 22.0, 45.0, -135.0)]
    if cut:
        lines = [_cut(whole, size) for whole in lines]
    for sums in (torch.float64, torch.float32):
        expected = torch.cat([_along(path, field, sums) for path, field in zip(lines, fields.split(1), strict=True)])
        assert torch.equal(_gathered(fields, lines, sums), expected)


def test_luma_by_its_formula_agrees_in_the_last_bits_of_float32(draw_images):
    images = draw_images(4, (3, 100, 160)).float() / 255
    assert torch.allclose(weighted(images), luma(images), rtol=0, atol=2**-23)
    # The whitening of snow at severity 3 of imagenet, alone.
    found, expected = (
        images * 0.7 + 0.3 * torch.maximum(images, grey * 1.5 + 0.5) for grey in (weighted(images), luma(images))
    )
    largest, share = differing(found, expected)
    assert largest <= 1
    assert share <= 1e-3


def test_means_in_another_order_agree_within_a_level_on_1_value_in_1000(draw_images):
    images = draw_images(400, (3, 32, 32)).double() / 255
    mean, other = channel_mean(images), images.mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(mean, other, rtol=0, atol=1e-14)
    for factor in (0.75, 0.4, 0.05):
        largest, share = differing((images - other) * factor + other, (images - mean) * factor + mean)
        assert largest <= 1
        assert share <= 1e-3


def cuda_keys(n, device, seed=0):
    return robustkit.Keys(seed=seed, stream="corruptions/test", version=1, ids=torch.arange(n, device=device))


@pytest.mark.gpu
def test_words_and_uniform_numbers_are_the_same_on_cuda():
    here, there = cuda_keys(5, "cpu"), cuda_keys(5, "cuda")
    assert torch.equal(there.words(1001).cpu(), here.words(1001))
    assert torch.equal(there.child("a").uniform(3, 7).cpu(), here.child("a").uniform(3, 7))


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["reference", "fixed"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 33, 47), (3, 224, 224)], ids=str)
def test_corruptions_agree_on_cuda_within_a_level_on_1_value_in_1000(name, shape, mode, build, draw_images):
    n = 20 if math.prod(shape) < 10_000 else 5
    images, severities = draw_images(n, shape), torch.arange(n, dtype=torch.float64) % 5 + 1
    results = []
    for device in ("cpu", "cuda"):
        corruption = build(name, mode=mode)
        draws = corruption.sample(cuda_keys(n, device), shape, severities.to(device))
        result = corruption.apply(images.to(device), draws)
        assert result.device.type == device
        results.append(result.cpu().int())
    off = (results[0] - results[1]).abs()
    assert off.max() <= 1
    assert (off > 0).double().mean() <= 1e-3


@pytest.mark.gpu
def test_poisson_counts_are_the_same_on_cuda():
    keys = cuda_keys(50, "cpu")
    means, u = keys.child("m").uniform(1000) * 60, keys.uniform(1000)
    assert (quantiles(means.cuda(), u.cuda()).cpu() != quantiles(means, u)).double().mean() <= 1e-4
