"""The probes themselves, on a linear model, where the answer is known: it breaks if and only if its margin is short."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from robustkit.engine.seeds import Keys
from robustkit.engine.trust.ball import Ball, length
from robustkit.engine.trust.climb import climb
from robustkit.engine.trust.guess import random_corners, random_squares, stripes, with_square
from robustkit.engine.trust.losses import cross_entropy, margin
from robustkit.engine.trust.masking import by_count, probe_masking, unbounded

NORMS = ["linf", "l2"]


def keys(n: int, seed: int = 0) -> Keys:
    return Keys(seed=seed, stream="trust", version=1, ids=torch.arange(n))


def distance(seen: Any, weight: Tensor, norm: str) -> Tensor:
    """Return how far each image is from the nearest wrong answer; the box is far enough not to matter."""
    logits = seen.logits()
    gaps = logits.gather(1, seen.labels[:, None]) - logits
    slopes = weight[seen.labels][:, None, :] - weight[None]
    per_unit = slopes.abs().sum(dim=2) if norm == "linf" else slopes.square().sum(dim=2).sqrt()
    return (gaps / per_unit).nan_to_num(nan=torch.inf).scatter(1, seen.labels[:, None], torch.inf).amin(dim=1)


@pytest.mark.parametrize("norm", NORMS)
def test_all_points_lie_in_the_ball_and_in_the_box(norm: Any) -> None:
    images = torch.rand(50, 3, 6, 8)
    ball = Ball(images=images, norm=norm, eps=0.3)
    points = ball.corners(keys(50))
    for tried in (points, ball.start(keys(50)), stripes(ball, keys(50)), with_square(points, ball, keys(50), 0.2)):
        assert bool(ball.contains(tried).all())
        assert float(tried.min()) >= 0
        assert float(tried.max()) <= 1
    assert not bool(ball.contains(images + 0.31).any())


def test_corners_are_corners() -> None:
    images = torch.full((20, 1, 5, 5), 0.5)
    assert set((Ball(images=images, norm="linf", eps=0.25).corners(keys(20)) - images).unique().tolist()) == {
        -0.25,
        0.25,
    }
    change = Ball(images=images, norm="l2", eps=0.25).corners(keys(20)) - images
    assert torch.allclose(length(change).flatten(), torch.tensor(0.25))


@pytest.mark.parametrize("norm", NORMS)
def test_a_square_changes_one_square_alone(norm: Any) -> None:
    images = torch.full((30, 2, 8, 8), 0.5)
    ball = Ball(images=images, norm=norm, eps=0.2)
    changed = (with_square(images, ball, keys(30), 9 / 64) != images).any(dim=1)
    assert changed.sum(dim=(1, 2)).tolist() == [9] * 30
    assert changed.any(dim=1).sum(dim=1).tolist() == [3] * 30
    assert len({tuple(place.tolist()) for place in changed.flatten(1).int().argmax(dim=1)[:, None]}) > 5


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("loss", [cross_entropy, margin])
def test_steps_along_the_gradient_break_what_can_be_broken(sight: Any, linear: Any, norm: Any, loss: Any) -> None:
    seen = sight(linear, n=40)
    short = distance(seen, linear.weight, norm)
    eps = float(short.median())
    assert eps < 0.2 * (1 if norm == "linf" else 6)
    ball = Ball(images=seen.images, norm=norm, eps=eps)
    found = climb(seen, ball, loss, start=ball.start(seen.keys), steps=40)
    clear = (short - eps).abs() > 0.05 * eps
    assert found.broken[clear].tolist() == (short <= eps)[clear].tolist()
    assert bool(found.rose[~found.broken].all())
    assert bool(((found.when >= 0) == found.broken).all())


@pytest.mark.parametrize("eps", [0.01, 3.0])
@pytest.mark.parametrize("size", [28, 300])
def test_projections_lie_in_the_l2_ball_where_all_values_are_rounded_the_same_way(eps: float, size: int) -> None:
    """Even images under even changes: neither the rounding of values cancels nor that of a plain sum."""
    images = torch.linspace(0.1, 0.9, 8).view(8, 1, 1, 1).expand(8, 3, size, size).contiguous()
    ball = Ball(images=images, norm="l2", eps=eps)
    for change in (0.3, -0.3):
        points = ball.project(images + change)
        assert bool(ball.contains(points).all())
        assert bool(((points - images).flatten(1).double().norm(dim=1) >= 0.95 * eps).all())


def test_tiny_gradients_still_have_a_direction() -> None:
    ball = Ball(images=torch.zeros(2, 1, 2, 2), norm="l2", eps=1.0)
    gradient = torch.tensor([1e-25, 0.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert length(ball.direction(gradient)).flatten().tolist() == pytest.approx([1.0, 1e-12])
    assert not bool(ball.direction(torch.full((2, 1, 2, 2), torch.nan)).isnan().any())


def test_nothing_is_broken_that_a_fresh_pass_does_not_confirm(sight: Any, linear: Any) -> None:
    answers = []

    def once(x: Tensor) -> Tensor:
        # Wrong on its second batch alone: what probes see there does not come again.
        answers.append(1)
        return -linear(x) if len(answers) == 4 else linear(x)

    seen = sight(once, n=4)
    answers.clear()
    ball = Ball(images=seen.images, norm="linf", eps=1e-4)
    assert random_corners(seen, ball, 6).tolist() == [False] * 4


@pytest.mark.parametrize("search", [random_corners, random_squares])
@pytest.mark.parametrize("norm", NORMS)
def test_searches_without_gradients_find_what_lies_close_and_nothing_that_is_not_there(
    sight: Any, linear: Any, search: Any, norm: Any
) -> None:
    seen = sight(linear, n=40)
    short = distance(seen, linear.weight, norm)
    eps = float(short.quantile(0.75))
    broken = search(seen, Ball(images=seen.images, norm=norm, eps=eps), 100)
    assert not bool(broken[short > 1.01 * eps].any())
    if search is random_squares:
        assert bool(broken[short < 0.3 * eps].all())
        assert int(broken.sum()) > int(random_corners(seen, Ball(images=seen.images, norm=norm, eps=eps), 100).sum())


def test_a_sample_gets_the_same_whatever_it_is_tried_with(sight: Any, linear: Any) -> None:
    seen = sight(linear, n=40)
    ball = Ball(images=seen.images, norm="linf", eps=0.05)
    some = torch.tensor([3, 17, 31])
    for search in (random_corners, random_squares):
        assert search(seen, ball, 50)[some].tolist() == search(seen.rows(some), ball.rows(some), 50).tolist()


@pytest.mark.parametrize("norm", NORMS)
def test_a_linear_model_shows_no_sign_of_masking(sight: Any, linear: Any, norm: Any) -> None:
    seen = sight(linear, n=40)
    eps = float(distance(seen, linear.weight, norm).median())
    probes = probe_masking(seen, norm, eps, 0.0)
    assert {check.id: check.status for check in [*probes.checks, unbounded(seen)] if check.status != "pass"} == {}
    assert 15 < int(probes.broken.sum()) <= 21


def test_one_sample_more_may_be_chance_and_a_tenth_is_not() -> None:
    assert [by_count(only, 48) for only in (0, 1, 2, 4, 5)] == ["pass", "pass", "warn", "warn", "fail"]
    assert by_count(1, 4) == "pass"
