"""Wide layers: sketches are unbiased, say their error, and depend on the seed and the number of features alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustkit_metrics.similarity.cka import ratio, unbiased_hsic
from robustkit_metrics.similarity.moments import measure_moments
from robustkit_metrics.similarity.projection import SKETCHES, sketch
from robustkit_metrics.similarity.view import View, sketch_error


def related(n=300, d=2000, inner=12):
    """Two wide layers that share what is common to them."""
    random = np.random.RandomState(0)
    common = random.standard_normal((n, inner)) * np.arange(1, inner + 1)
    layers = [common @ random.standard_normal((inner, d)) + 10 * random.standard_normal((n, d)) for _ in range(2)]
    return [torch.from_numpy(each) for each in layers]


def exact(x, y):
    return ratio(unbiased_hsic(measure_moments([x, y])))[0, 1]


def projected(x, y, width, seed):
    sets = [*sketch(x, width, seed), *sketch(y, width, seed)]
    view = View(measure_moments(sets), [range(SKETCHES), range(SKETCHES, 2 * SKETCHES)])
    without = [ratio(v.between(unbiased_hsic(v.moments)))[0, 1] for v in map(view.without_sketch, range(SKETCHES))]
    value = ratio(view.between(unbiased_hsic(view.moments)))[0, 1]
    return value, float(sketch_error([np.array([each]) for each in without])[0]), view


def test_narrow_features_stay_as_they_are():
    x = torch.rand(5, 8)
    assert sketch(x, 8, 0) == [x]
    assert [each.shape for each in sketch(x, 7, 0)] == [(5, 1)] * SKETCHES


def test_inner_products_are_right_on_average_and_more_so_with_width():
    x = torch.randn(6, 500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = {}
    for width in (40, 400):
        made = torch.stack([s @ s.T for seed in range(60) for s in sketch(x, width, seed)])
        spread = made.std(dim=0)
        assert ((made.mean(dim=0) - x @ x.T).abs() < 4 * spread / len(made) ** 0.5 + 1e-9).all()
        errors[width] = float(spread.mean())
    assert errors[40] / errors[400] == pytest.approx(10**0.5, rel=0.2), "the error falls with the root of the width"


def test_the_projection_follows_from_the_seed_and_the_number_of_features():
    x = torch.rand(3, 100)
    assert all(torch.equal(a, b) for a, b in zip(sketch(x, 8, 1), sketch(x, 8, 1), strict=True))
    assert not torch.equal(sketch(x, 8, 1)[0], sketch(x, 8, 2)[0])
    assert torch.allclose(torch.cat([sketch(row[None], 8, 1)[0] for row in x]), sketch(x, 8, 1)[0])


def test_cka_is_estimated_without_bias_and_within_the_error_that_is_said():
    x, y = related()
    truth = exact(x, y)
    found = [projected(x, y, 256, seed)[:2] for seed in range(40)]
    values, said = np.array(found).T
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / 40**0.5 + 0.005)
    assert said.mean() == pytest.approx(values.std(), rel=0.5)


def test_products_of_a_sketch_with_itself_would_be_biased():
    """Negative control: the self-similarity is inflated where a sketch meets itself."""
    x, y = related()
    truth = exact(x, y)
    biased = []
    for seed in range(10):
        _, _, view = projected(x, y, 256, seed)
        own = unbiased_hsic(view.moments)
        sums = [[own[np.ix_(a, b)].mean() for b in view.parts] for a in view.parts]
        biased.append(ratio(np.array(sums))[0, 1])
    assert truth - np.mean(biased) > 0.02


def test_equal_features_are_equal_after_projection():
    x, _ = related(n=40)
    assert projected(x, x, 64, 0)[0] == pytest.approx(1, abs=1e-12)
