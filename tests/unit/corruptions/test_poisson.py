"""The counts against scipy's quantiles, which find them by another way."""

import numpy as np
import pytest
import torch
from scipy.stats import poisson

from robustkit_corruptions import poisson as ours
from robustkit_corruptions.poisson import photon_counts, quantiles, table


def uniforms(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def whole_levels(n, seed=1):
    return torch.randint(0, 256, (n,), generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("photons", [3.0, 5.0, 12.0, 25.0, 60.0, 33.3, 500.0, 1000.0])
def test_counts_of_whole_levels_are_scipys_quantiles(photons):
    levels, u = whole_levels(100_000), uniforms(100_000)
    expected = poisson.ppf(u.numpy(), levels.numpy() / 255 * photons)
    # Quantile 0 of a mean of 0 is -1 for scipy, the end of its support; a black pixel has no photons.
    expected = np.where(levels.numpy() == 0, 0, expected)
    assert np.array_equal(photon_counts(levels, photons, u).numpy(), expected)


@pytest.mark.parametrize("largest", [1e-3, 1.0, 60.0, 1e4])
def test_counts_of_any_mean_are_scipys_quantiles(largest):
    means, u = uniforms(50_000) * largest + 1e-9, uniforms(50_000, seed=3)
    assert np.array_equal(quantiles(means, u).numpy(), poisson.ppf(u.numpy(), means.numpy()))


@pytest.mark.parametrize("photons", [3.0, 60.0, 250.0])
def test_the_table_and_the_bisection_agree(photons):
    levels, u = whole_levels(100_000), uniforms(100_000, seed=4)
    assert torch.equal(photon_counts(levels, photons, u), quantiles(levels / 255 * photons, u))


@pytest.mark.parametrize("u", [0.0, 2**-53, 0.5, 1 - 2**-53])
def test_the_ends_of_the_unit_interval(u):
    levels = torch.arange(256).double()
    counts = photon_counts(levels, 60.0, torch.full((256,), u, dtype=torch.float64))
    assert counts[0] == 0
    assert bool((counts >= 0).all())
    assert bool((counts.diff() >= 0).all())
    # 60 + 12 standard deviations; P(X > 153) < 2**-53.
    assert counts.max() <= 153


def test_mean_and_variance_are_those_of_a_poisson_distribution():
    n, photons = 1_000_000, 12.0
    counts = photon_counts(torch.full((n,), 51, dtype=torch.float64), photons, uniforms(n))
    mean = photons * 0.2
    assert abs(float(counts.mean()) - mean) < 4 * (mean / n) ** 0.5
    # The variance of the sample variance of a Poisson distribution is (m + 2 m^2) / n.
    assert abs(float(counts.var()) - mean) < 4 * ((mean + 2 * mean**2) / n) ** 0.5


def test_many_photons_make_no_table(monkeypatch):
    """At severity 0.001 of cifar white has 500,000 photons, and a table of their counts 1 GB."""
    monkeypatch.setattr(ours, "table", lambda *_: pytest.fail("made a table"))
    levels, u = whole_levels(1000), uniforms(1000)
    counts = photon_counts(levels, 500_000.0, u)
    bright = levels > 0
    expected = poisson.ppf(u[bright].numpy(), levels[bright].numpy() / 255 * 500_000.0)
    assert np.array_equal(counts[bright].numpy(), expected)


def test_control_a_biased_mean_is_told_apart():
    levels, u = whole_levels(100_000), uniforms(100_000)
    biased = photon_counts(levels, 60.6, u)
    assert (biased != photon_counts(levels, 60.0, u)).double().mean() > 0.05


def test_tables_are_made_once():
    assert table(12.0, torch.device("cpu")) is table(12.0, torch.device("cpu"))
