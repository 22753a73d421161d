"""The distribution of each noise, against its formula."""

import math

import pytest
import torch

N = 64 * 64 * 3 * 16
FLAT = (16, 3, 64, 64)


@pytest.mark.parametrize(("name", "sigma"), [("gaussian-noise", 0.18), ("speckle-noise", 0.35 * 0.5)])
def test_normal_noise_has_its_mean_and_variance(name, sigma, corrupt):
    flat = torch.full(FLAT, 0.5, dtype=torch.float64)
    residual = corrupt(name, flat, 3.0, profile="imagenet") - 0.5
    inside = residual[residual.abs() < 0.5]
    # What is clipped lies beyond 0.5 / sigma standard deviations: the moments of a normal distribution cut there.
    cut = 0.5 / sigma
    share = math.erf(cut / math.sqrt(2))
    variance = sigma**2 * (1 - 2 * cut * math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi) / share)
    assert abs(float(inside.mean())) < 4 * sigma / N**0.5
    assert float(inside.var()) == pytest.approx(variance, rel=4 * (2 / N) ** 0.5)
    assert len(inside) / N == pytest.approx(share, abs=4 * (share * (1 - share) / N) ** 0.5)


def test_speckle_leaves_black_alone(corrupt):
    assert not corrupt("speckle-noise", torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 5.0).any()


@pytest.mark.parametrize(("severity", "amount"), [(1.0, 0.03), (3.0, 0.09), (5.0, 0.27), (4.5, 0.22)])
def test_impulses_hit_their_share_half_black_and_half_white(severity, amount, corrupt):
    result = corrupt("impulse-noise", torch.full(FLAT, 100, dtype=torch.uint8), severity, profile="imagenet")
    for level in (0, 255):
        share = float((result == level).double().mean())
        assert share == pytest.approx(amount / 2, abs=4 * (amount / 2 / N) ** 0.5)
    assert set(result.unique().tolist()) == {0, 100, 255}


def test_impulses_of_a_lower_severity_are_among_those_of_a_higher(corrupt):
    grey = torch.full((2, 3, 32, 32), 100, dtype=torch.uint8)
    low, high = (corrupt("impulse-noise", grey, severity) != 100 for severity in (1.0, 4.0))
    assert bool((high | ~low).all())
    assert high.sum() > low.sum()


def test_shot_noise_has_the_variance_of_photons(corrupt):
    for level in (51, 102):
        result = corrupt("shot-noise", torch.full(FLAT, level / 255, dtype=torch.float64), 1.0, profile="imagenet")
        assert float(result.mean()) == pytest.approx(level / 255, abs=4 * (level / 255 / 60 / N) ** 0.5)
        assert float(result.var()) == pytest.approx(level / 255 / 60, rel=0.02)


def test_shot_noise_leaves_black_alone(corrupt):
    assert not corrupt("shot-noise", torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 5.0).any()
