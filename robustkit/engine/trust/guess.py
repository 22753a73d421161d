"""Probes without gradients: what random points and a random search find."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from robustkit.engine.seeds import Keys
from robustkit.engine.trust.ball import Ball, length
from robustkit.engine.trust.climb import confirmed
from robustkit.engine.trust.losses import margin
from robustkit.engine.trust.sight import Sight


def random_corners(sight: Sight, ball: Ball, draws: int) -> Tensor:
    """Return (n,) bool: which samples any of so many random extreme points of the ball breaks."""
    return _search(sight, ball, draws, lambda _, ball, keys, __: ball.corners(keys))


def random_squares(sight: Sight, ball: Ball, queries: int) -> Tensor:
    """Return (n,) bool: which samples a search breaks that changes one square at a time and keeps what helps.

    It begins with vertical stripes, after the Square attack (Andriushchenko et al. 2020); the squares shrink from 0.8
    of the image's area to a 64th of that, geometrically: robustkit's choice, small on purpose.
    """

    def propose(points: Tensor, ball: Ball, keys: Keys, query: int) -> Tensor:
        if query == 0:
            return stripes(ball, keys)
        return with_square(points, ball, keys, 0.8 * 2 ** (-6 * query / queries))

    return _search(sight, ball, queries, propose)


def _search(sight: Sight, ball: Ball, queries: int, propose: Callable[[Tensor, Ball, Keys, int], Tensor]) -> Tensor:
    """Return which samples are broken by proposals; each is kept where it lowers the margin."""
    points, alive = ball.images.clone(), torch.arange(len(sight), device=ball.images.device)
    best = torch.full((len(sight),), -torch.inf, device=ball.images.device)
    for query in range(queries):
        if len(alive) == 0:
            break
        seen, here = sight.rows(alive), ball.rows(alive)
        tried = propose(points[alive], here, seen.keys.child(f"query {query}"), query)
        logits = seen.logits(tried)
        values = margin(logits, seen.labels)
        better = values > best[alive]
        best[alive[better]], points[alive[better]] = values[better], tried[better]
        wrong = logits.argmax(dim=1) != seen.labels
        # The last word has the point that broke it, even where a tie left the margin where it was.
        points[alive[wrong]] = tried[wrong]
        alive = alive[~wrong]
    return confirmed(sight, ball, points)


def stripes(ball: Ball, keys: Keys) -> Tensor:
    """Return the images with one random sign for each channel and column, at full strength."""
    n, channels, height, width = ball.images.shape
    signs = (keys.uniform(channels, 1, width) < 0.5).to(ball.images) * 2 - 1
    return _at_full_strength(ball, signs.expand(n, channels, height, width))


def with_square(points: Tensor, ball: Ball, keys: Keys, share: float) -> Tensor:
    """Return the points with one square changed, at a random place with a random sign for each channel.

    Args:
        points: (n, C, H, W) in the ball.
        ball: where they may go.
        keys: one a sample.
        share: of the image's area that the square has.
    """
    channels, height, width = points.shape[1:]
    side = max(1, min(round((share * height * width) ** 0.5), height, width))
    place = keys.child("place").uniform(2).to(points.device)
    top, left = (place[:, 0] * (height - side + 1)).long(), (place[:, 1] * (width - side + 1)).long()
    rows, columns = torch.arange(height, device=points.device), torch.arange(width, device=points.device)
    inside = ((rows >= top[:, None]) & (rows < top[:, None] + side))[:, None, :, None]
    inside = inside & ((columns >= left[:, None]) & (columns < left[:, None] + side))[:, None, None, :]
    signs = (keys.child("signs").uniform(channels, 1, 1) < 0.5).to(points) * 2 - 1
    strength = ball.eps if ball.norm == "linf" else ball.eps / (channels * side * side) ** 0.5
    change = torch.where(inside, strength * signs, points - ball.images)
    return ball.project(ball.images + change) if ball.norm == "linf" else _at_full_strength(ball, change)


def _at_full_strength(ball: Ball, change: Tensor) -> Tensor:
    scale = ball.eps if ball.norm == "linf" else ball.eps / length(change)
    return ball.project(ball.images + scale * change)
