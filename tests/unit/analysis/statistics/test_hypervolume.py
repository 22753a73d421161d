from __future__ import annotations

import numpy as np
import pytest

import robustkit
from robustkit.analysis.statistics.hypervolume import bootstrap_hypervolume, hypervolume

POINTS = [(0.76, 0.40), (0.74, 0.50), (0.70, 0.55), (0.72, 0.45)]
REFERENCE = (0.6, 0.3)


def test_reference_value():
    assert hypervolume(POINTS, REFERENCE) == pytest.approx(0.035)


def test_it_is_neither_the_sum_of_boxes_nor_the_hull():
    boxes = sum((x - 0.6) * (y - 0.3) for x, y in POINTS)
    assert hypervolume(POINTS, REFERENCE) < boxes
    assert hypervolume(POINTS, (0.5, 0.3)) != pytest.approx(0.035)


def test_it_agrees_with_counting_grid_points():
    rng = np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in rng.random((12, 2))]
    grid = (np.arange(400) + 0.5) / 400
    x, y = np.meshgrid(grid, grid)
    below = np.any([(x < px) & (y < py) for px, py in points], axis=0) & (x > 0.2) & (y > 0.1)
    assert hypervolume(points, (0.2, 0.1)) == pytest.approx(below.mean(), abs=0.005)


def test_points_that_are_not_above_the_reference_add_nothing():
    assert hypervolume([*POINTS, (0.9, 0.2), (0.5, 0.9)], REFERENCE) == pytest.approx(0.035)
    assert hypervolume([], REFERENCE) == 0.0


def test_equal_models_look_better_together_than_one_alone_and_the_bootstrap_says_so():
    rng = np.random.default_rng(1)
    alone = bootstrap_hypervolume(*(rng.random((2, 1, 200)) < 0.5).astype(float), reference=(0.0, 0.0))
    many = bootstrap_hypervolume(*(rng.random((2, 20, 200)) < 0.5).astype(float), reference=(0.0, 0.0))
    assert many.value > 0.25 + 0.02
    assert many.bias > 5 * abs(alone.bias)
    # All models have an area of 0.25: the value is above it, and the interval knows.
    assert many.low < 0.25 < many.high < many.value
    assert many.reference == (0.0, 0.0)


def test_samples_are_resampled_jointly_for_all_models():
    rng = np.random.default_rng(2)
    goal = (rng.random((1, 300)) < 0.6).astype(float)
    copies = bootstrap_hypervolume(np.repeat(goal, 9, axis=0), np.repeat(goal, 9, axis=0), (0.0, 0.0))
    one = bootstrap_hypervolume(goal, goal, (0.0, 0.0))
    # Nine copies of a model are that model, whichever samples are drawn.
    assert (copies.value, copies.low, copies.high) == pytest.approx((one.value, one.low, one.high))


def test_what_has_no_area_is_refused():
    with pytest.raises(robustkit.DataError, match="finite"):
        hypervolume([(0.5, float("nan"))], REFERENCE)
    with pytest.raises(robustkit.DataError, match="models, samples"):
        bootstrap_hypervolume(np.ones((2, 5)), np.ones((2, 6)), REFERENCE)
