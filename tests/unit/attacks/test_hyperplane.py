"""The changes are compared with solutions of SciPy, and with a bisection in NumPy for many values."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robustkit import ThreatModel
from robustkit_attacks import hyperplane
from robustkit_attacks.hyperplane import shortest_changes

NORMS = ("linf", "l2")


def bounded(norm, low=0.0, high=1.0):
    return ThreatModel(norm=norm, eps=0.1, low=low, high=high)


def one(point, normal, rise, threat_model):
    """Return the change of one point, (d,) float64, computed in float32."""
    changes = shortest_changes(
        torch.tensor(point, dtype=torch.float32)[None, None],
        torch.tensor(normal, dtype=torch.float32)[None],
        torch.tensor([[rise]], dtype=torch.float64),
        threat_model,
    )
    return changes[0, 0].double().numpy()


def length(change, norm):
    return np.abs(change).max() if norm == "linf" else np.sqrt(np.square(change).sum())


def bisected(point, normal, rise, threat_model):
    """Return the change found by a bisection of the multiplier."""
    up = normal * rise > 0
    ways = np.where(normal == 0, 0, np.where(up, threat_model.high, threat_model.low) - point)
    rate = np.ones_like(normal) if threat_model.norm == "linf" else np.abs(normal)

    def at(multiplier):
        return np.sign(ways) * np.minimum(multiplier * rate, np.abs(ways))

    near, far = 0.0, 1e6
    for _ in range(200):
        middle = (near + far) / 2
        near, far = (near, middle) if abs(at(middle) @ normal) > abs(rise) else (middle, far)
    return at(far)


def case(seed, size, share, negative=False):
    """Return a point with values at the bounds, a normal with zeros and ties, and a rise: a share of the room."""
    draw = np.random.default_rng(seed)
    point = np.clip(draw.uniform(-0.3, 1.3, size), 0, 1).astype(np.float32).astype(np.float64)
    normal = draw.choice([0, 1, 1, -1, 2, -0.5, 0.01], size) * draw.choice([1.0, 1.0, draw.uniform()], size)
    normal = normal.astype(np.float32).astype(np.float64)
    room = np.where(normal > 0, 1 - point, point) @ np.abs(normal)
    if negative:
        room = -(np.where(normal > 0, point, 1 - point) @ np.abs(normal))
    return point, normal, share * room


@pytest.mark.parametrize("norm", NORMS)
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 6), share=st.floats(0.001, 0.99), negative=st.booleans())
def test_the_change_is_as_short_as_a_solver_finds_and_reaches_the_hyperplane(
    norm, least_norm, seed, size, share, negative
):
    point, normal, rise = case(seed, size, share, negative)
    threat_model = bounded(norm)
    change = one(point, normal, rise, threat_model)
    assert change @ normal == pytest.approx(rise, rel=1e-5, abs=1e-7)
    assert length(change, norm) == pytest.approx(least_norm(point, normal, rise, threat_model), rel=1e-4, abs=1e-6)
    assert (point + change >= -1e-7).all()
    assert (point + change <= 1 + 1e-7).all()


@pytest.mark.parametrize("norm", NORMS)
def test_control_a_change_that_ignores_the_bounds_is_another(norm, least_norm):
    point, normal, rise = case(3, 6, 0.95)
    inside = least_norm(point, normal, rise, bounded(norm))
    outside = least_norm(point, normal, rise, bounded(norm, -100.0, 100.0))
    assert outside < 0.98 * inside


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [500, 20_000])
@pytest.mark.parametrize("share", [1e-6, 0.01, 0.5, 0.999])
def test_many_values_are_those_of_a_bisection_in_double_precision(norm, size, share):
    point, normal, rise = case(size, size, share)
    expected = bisected(point, normal, rise, bounded(norm))
    change = one(point, normal, rise, bounded(norm))
    assert change @ normal == pytest.approx(rise, rel=1e-5)
    assert length(change, norm) == pytest.approx(length(expected, norm), rel=1e-5)
    # Near the end of the room only values with a hundredth of the weight are left, which magnifies rounding.
    assert np.abs(change - expected).max() <= 2e-4 * np.abs(expected).max()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
def test_normals_of_any_size_give_the_same_change(norm, scale):
    point, normal, rise = case(1, 200, 0.3)
    change = one(point, normal, rise, bounded(norm))
    assert np.abs(change).max() > 0.01
    np.testing.assert_allclose(one(point, normal * scale, rise * scale, bounded(norm)), change, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_a_normal_of_zero_changes_nothing(norm):
    assert (one(np.full(5, 0.5), np.zeros(5), 1.0, bounded(norm)) == 0).all()


@pytest.mark.parametrize("norm", NORMS)
def test_values_that_do_not_count_stay_as_they_are(norm):
    change = one(np.full(4, 0.5), np.array([0.0, 1.0, -0.0, -1.0]), 0.5, bounded(norm))
    np.testing.assert_allclose(change, [0, 0.25, 0, -0.25])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("rise", [100.0, -100.0])
def test_what_is_out_of_reach_is_approached_as_far_as_the_bounds_allow(norm, rise):
    point, normal = np.array([0.25, 0.5, 0.0, 0.75]), np.array([1.0, -0.5, 0.25, 0.0])
    ends = [1, 0, 1, 0.75] if rise > 0 else [0, 1, 0, 0.75]
    np.testing.assert_allclose(point + one(point, normal, rise, bounded(norm)), ends)


@pytest.mark.parametrize("norm", NORMS)
def test_a_point_on_the_hyperplane_stays(norm):
    point, normal, _ = case(5, 30, 0.5)
    assert (one(point, normal, 0.0, bounded(norm)) == 0).all()


@pytest.mark.parametrize("norm", NORMS)
def test_other_bounds_are_kept(norm):
    point, normal = np.array([-1.0, 3.0]), np.array([1.0, 1.0])
    np.testing.assert_allclose(point + one(point, normal, 3.0, bounded(norm, -2.0, 3.5)), [1.5, 3.5])


@pytest.mark.parametrize("norm", NORMS)
def test_several_points_and_hyperplanes_at_once_are_as_one_by_one(norm, monkeypatch):
    cases = [[case(10 * i + j, 40, 0.1 + 0.1 * j, negative=j == 1) for j in range(3)] for i in range(2)]
    points = torch.tensor(np.array([[each[0] for each in row] for row in cases]), dtype=torch.float32)
    normals = torch.tensor(np.array([each[1] for each in cases[0]]), dtype=torch.float32)
    rises = torch.tensor([[each[2] for each in row] for row in cases], dtype=torch.float64)
    whole = shortest_changes(points, normals, rises, bounded(norm))
    for i in range(2):
        for j in range(3):
            alone = shortest_changes(
                points[i : i + 1, j : j + 1], normals[j : j + 1], rises[i : i + 1, j : j + 1], bounded(norm)
            )
            torch.testing.assert_close(alone[0, 0], whole[i, j], rtol=1e-5, atol=1e-7)
    monkeypatch.setattr(hyperplane, "_BLOCK", 100)
    torch.testing.assert_close(shortest_changes(points, normals, rises, bounded(norm)), whole, rtol=1e-5, atol=1e-7)


def test_arguments_are_left_as_they_are():
    points, normals, rises = torch.rand(2, 3, 5), torch.randn(3, 5), torch.ones(2, 3, dtype=torch.float64)
    before = [each.clone() for each in (points, normals, rises)]
    for norm in NORMS:
        shortest_changes(points, normals, rises, bounded(norm))
    assert all(torch.equal(*pair) for pair in zip(before, (points, normals, rises), strict=True))


def test_no_points_give_no_changes():
    nothing = shortest_changes(torch.zeros(2, 0, 5), torch.zeros(0, 5), torch.zeros(2, 0).double(), bounded("linf"))
    assert nothing.shape == (2, 0, 5)


def test_few_rounds_are_enough_even_where_every_value_is_clipped_in_its_turn(monkeypatch):
    """Rooms and weights over 30 orders of magnitude; a round that clipped only one value would take hundreds."""
    monkeypatch.setattr(hyperplane, "_MOST_ROUNDS", 60)
    rooms = torch.logspace(-15, 0, 300)
    sizes = torch.logspace(0, -15, 300)
    limits = rooms.double().numpy()
    for share in (0.1, 0.9, 0.999):
        rise = share * float((rooms.double() * sizes.double()).sum())
        found = hyperplane._multiplier(rooms[None, None], sizes[None], torch.tensor([[rise]]).double(), "linf")
        reached = np.minimum(limits, float(found)) @ sizes.double().numpy()
        assert reached == pytest.approx(rise, rel=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
def test_a_gpu_finds_the_same(norm):
    points, normals, rises = torch.rand(2, 3, 50), torch.randn(3, 50), torch.ones(2, 3, dtype=torch.float64)
    there = shortest_changes(points.cuda(), normals.cuda(), rises.cuda(), bounded(norm))
    torch.testing.assert_close(
        there.cpu(), shortest_changes(points, normals, rises, bounded(norm)), rtol=1e-4, atol=1e-6
    )
