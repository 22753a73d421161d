import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robustkit import ConfigError, Keys, ThreatModel
from robustkit_attacks.ball import ball_around, linf_limits

UNIT = st.floats(0, 1, width=32)


@given(st.lists(UNIT, min_size=1, max_size=20), st.floats(0, 1))
def test_both_ends_are_inside_exactly_and_as_far_out_as_the_dtype_allows(values, eps):
    inputs = torch.tensor([values], dtype=torch.float32)
    lowest, highest = linf_limits(inputs, ThreatModel(norm="linf", eps=eps))
    exact = inputs.double()
    assert (exact - lowest.double() <= eps).all()
    assert (highest.double() - exact <= eps + 1e-16).all()
    assert (lowest >= 0).all()
    assert (highest <= 1).all()
    assert (lowest <= inputs).all()
    assert (inputs <= highest).all()
    further = torch.nextafter(highest, torch.tensor(2.0)).double()
    assert ((further - exact > eps) | (further > 1)).all()


def test_plain_rounding_would_leave_the_ball():
    """The control: what float32 gives for x + eps is outside for some x."""
    inputs = torch.linspace(0, 0.9, 1000)[None]
    eps = 1 / 255
    assert ((inputs + eps).double() - inputs.double()).max() > eps * (1 + 1e-6)


def test_no_room_leaves_the_inputs():
    inputs = torch.linspace(0, 1, 7)[None]
    lowest, highest = linf_limits(inputs, ThreatModel(norm="linf", eps=0.0))
    assert torch.equal(lowest, inputs)
    assert torch.equal(highest, inputs)


def test_other_norms_are_refused():
    with pytest.raises(ConfigError, match="expected linf or l2, got l7"):
        ball_around(torch.zeros(1, 2), ThreatModel(norm="l7", eps=0.1))


def keys_of(n, seed=0):
    return Keys(seed=seed, stream="attacks/test", version=1, ids=torch.arange(n))


@given(st.floats(1e-3, 30), st.integers(0, 99), st.sampled_from([(3,), (2, 5), (3, 40, 40)]))
@settings(deadline=None, max_examples=60)
def test_l2_projections_and_starts_are_inside(eps, seed, shape):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(4, *shape, generator=generator)
    ball = ball_around(inputs, ThreatModel(norm="l2", eps=eps))
    wild = inputs + 3 * torch.randn(4, *shape, generator=generator)
    for points in (ball.project(wild), ball.inside(keys_of(4)), ball.surface(keys_of(4))):
        length = (points.double() - inputs.double()).flatten(1).norm(dim=1)
        assert (length <= eps * (1 + 1e-6) + 1e-7).all()
        assert ((points >= 0) & (points <= 1)).all()


@pytest.mark.parametrize("eps", [1e-6, 0.01, 3.0])
@pytest.mark.parametrize("size", [28, 300])
def test_an_l2_projection_is_inside_where_all_values_are_rounded_the_same_way(eps, size):
    """Even images under even changes: nothing cancels, neither the rounding of values nor that of a plain sum."""
    inputs = torch.linspace(0.05, 0.95, 8).view(8, 1, 1, 1).expand(8, 3, size, size).contiguous()
    ball = ball_around(inputs, ThreatModel(norm="l2", eps=eps))
    for points in (ball.project(inputs + 0.3), ball.project(inputs - 0.3)):
        length = (points.double() - inputs.double()).flatten(1).norm(dim=1)
        assert (length <= eps * (1 + 1e-6)).all()
        # A value moves by whole units in the last place, so that small changes are lost; larger ones are not.
        assert eps < 0.01 or (length >= 0.95 * min(eps, 0.05 * (3 * size * size) ** 0.5)).all()


def test_an_l2_projection_is_the_nearest_point_of_the_ball_and_leaves_what_is_inside():
    inputs = torch.full((2, 2), 0.5)
    ball = ball_around(inputs, ThreatModel(norm="l2", eps=0.25))
    points = torch.tensor([[0.8, 0.9], [0.6, 0.6]])
    moved = ball.project(points)
    assert moved[0].tolist() == pytest.approx([0.65, 0.7], abs=1e-6)
    assert torch.equal(moved[1], points[1])


def test_starts_lie_where_they_should():
    """Uniform in a ball of d dimensions: the median radius is eps 2^(-1/d); on the surface every radius is eps."""
    n, d = 4000, 5
    inputs = torch.full((n, d), 0.5)
    for norm, order in (("linf", torch.inf), ("l2", 2)):
        ball = ball_around(inputs, ThreatModel(norm=norm, eps=0.1))
        inside, surface = (
            (points - inputs).norm(order, dim=1) for points in (ball.inside(keys_of(n)), ball.surface(keys_of(n)))
        )
        assert float(inside.median()) == pytest.approx(0.1 * 2 ** (-1 / d), rel=0.02)
        assert torch.allclose(surface, torch.tensor(0.1), atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_direction_of_norm_one_is_steeper(norm):
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(5, 3, 4, generator=generator) * torch.tensor([1, 1e-3, 1e-20, 1e-30, 0]).view(5, 1, 1)
    ball = ball_around(torch.full((5, 3, 4), 0.5), ThreatModel(norm=norm, eps=0.1))
    steepest = ball.steepest(gradients)
    size = steepest.flatten(1).norm(torch.inf if norm == "linf" else 2, dim=1)
    assert size.tolist() == pytest.approx([1, 1, 1, 1, 0], abs=1e-5)
    others = torch.randn(500, 1, 3, 4, generator=generator)
    others = others / others.flatten(2).norm(torch.inf if norm == "linf" else 2, dim=2)[..., None, None]
    rise = (gradients.double() * steepest).flatten(1).sum(1)
    assert ((gradients.double() * others).flatten(2).sum(2) <= rise * (1 + 1e-5)).all()
