"""Whether attacks that follow the gradient can be believed: probes that a healthy model answers in a known order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit.components import Norm
from robustkit.engine.trust.ball import Ball
from robustkit.engine.trust.climb import Climb, climb
from robustkit.engine.trust.guess import random_corners, random_squares
from robustkit.engine.trust.losses import cross_entropy, margin
from robustkit.engine.trust.sight import Sight
from robustkit.store.checks import Check, Number, Status, judged

STEPS = 20
CORNERS = 50
QUERIES = 100
RETRIES = 3
RETRY_STEPS = 50
UNBOUNDED_STEPS = 40
UNBOUNDED = 0.5
"""Linf size within which every image can become the same grey one, so that no classifier can stand.

For L2 threat models, too: whether the gradient leads anywhere does not depend on the norm, and long L2 steps get stuck
where many values have come to the end of [0, 1].
"""

ONLY = 2
"""Samples that one probe breaks and a stronger one does not, from which it warns: one may be chance."""

LEAST = ONLY + 1
"""Samples that it takes for a probe to fail at all; on fewer, passing would mean nothing."""

MANY = 0.1
"""Share of the samples above which the same fails, if it is more than ONLY. Robustkit's choice: AutoAttack warns from
0.2 points on, for which a few dozen samples are too few."""

LEFT = 0.05
"""Share of the samples that may stand against the unbounded attack; above it warns, and above MANY fails."""

LATE = 0.1
"""Share of the samples that may fall in the last quarter of the steps without a warning."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Probes:
    """What robustkit's probes break within one ball.

    Attributes:
        norm: of the ball.
        eps: its size.
        checks: for the report.
        broken: (n,) bool: broken by any of them, each confirmed in norm, bounds and misclassification.
    """

    norm: Norm
    eps: float
    checks: list[Check]
    broken: Tensor


def probe_masking(sight: Sight, norm: Norm, eps: float, silent: float) -> Probes:
    """Return what white-box, random and black-box probes find, and the checks that compare them.

    Later probes see only what earlier ones left: the question is what they find beyond.

    Args:
        sight: the model, and samples that it gets right.
        norm: of the ball.
        eps: its size.
        silent: share of the samples whose cross-entropy has no gradient though the margin has.
    """
    ball = Ball(images=sight.images, norm=norm, eps=eps)
    start = ball.start(sight.keys.child("start"))
    one_step = climb(sight, ball, cross_entropy, start=sight.images, steps=1, length=eps)
    entropy = climb(sight, ball, cross_entropy, start=start, steps=STEPS)
    left = _left(entropy.broken)
    by_margin = climb(sight.rows(left), ball.rows(left), margin, start=start[left], steps=STEPS)
    white = _with(entropy.broken, left, by_margin.broken)
    left = _left(white)
    corners = _with(white, left, random_corners(sight.rows(left), ball.rows(left), CORNERS))
    squares = _with(white, left, random_squares(sight.rows(left), ball.rows(left), QUERIES))
    reached = _reached(sight, ball, (corners | squares) & ~white)
    about: dict[str, Number] = {"norm": norm, "eps": eps, "n": len(sight)}
    checks = [
        _iterations(one_step.broken, white, about),
        _rises(entropy, by_margin, white, about),
        _converged(entropy, by_margin, about),
        _cross_entropy(entropy.broken, white, silent, about),
        _beyond("random-corners", white, corners, reached, {**about, "draws": CORNERS}),
        _beyond("black-box", white, squares, reached, {**about, "queries": QUERIES}),
    ]
    return Probes(norm=norm, eps=eps, checks=checks, broken=white | corners | squares | one_step.broken)


def _reached(sight: Sight, ball: Ball, missed: Tensor) -> Tensor:
    """Return which of the samples that 20 steps missed longer ones from several starts break.

    What they reach was not out of the gradient's reach: 20 steps were too few for it, and nothing is masked.
    """
    reached = torch.zeros_like(missed)
    for attempt in range(RETRIES):
        rows = (missed & ~reached).nonzero().flatten()
        if len(rows):
            seen, here = sight.rows(rows), ball.rows(rows)
            start = here.start(seen.keys.child(f"retry {attempt}"))
            reached = _with(reached, rows, climb(seen, here, margin, start=start, steps=RETRY_STEPS).broken)
    return reached


def _left(broken: Tensor) -> Tensor:
    return (~broken).nonzero().flatten()


def _with(broken: Tensor, left: Tensor, found: Tensor) -> Tensor:
    """Return what is broken after a probe of those that were left."""
    return broken.index_put((left,), found)


def by_count(only: int, n: int) -> Status:
    """Return the status of a probe that broke `only` samples of n that a stronger one should have broken, too.

    >>> [by_count(only, 48) for only in (1, 2, 5)], by_count(2, 8)
    (['pass', 'warn', 'fail'], 'warn')
    """
    if only < ONLY:
        return "pass"
    return "fail" if only > max(ONLY, MANY * n) else "warn"


def _iterations(one_step: Tensor, white: Tensor, about: dict[str, Number]) -> Check:
    only = int((one_step & ~white).sum())
    numbers = {**about, "robust_one_step": int((~one_step).sum()), "robust_20_steps": int((~white).sum())}
    advice = (
        "one step breaks what 20 steps do not: the gradient points nowhere beyond the first step; do not trust attacks "
        "of several steps on this model"
    )
    return judged("iterations", by_count(only, len(white)), {**numbers, "only_one_step": only}, advice)


def _rises(entropy: Climb, by_margin: Climb, white: Tensor, about: dict[str, Number]) -> Check:
    """Return whether either loss rose on those that still stand."""
    # Those that the margin was tried on are what the cross-entropy left, in their order.
    rose = entropy.rose[_left(entropy.broken)] | by_margin.rose
    stuck = int((~rose & ~by_margin.broken).sum())
    numbers = {**about, "standing": int((~white).sum()), "standing_whose_loss_never_rose": stuck}
    advice = "steps along the gradient raise no loss: the gradient is masked, and attacks that follow it do nothing"
    return judged("loss-rises", by_count(stuck, len(white)), numbers, advice)


def _converged(entropy: Climb, by_margin: Climb, about: dict[str, Number]) -> Check:
    last = STEPS - STEPS // 4
    late = int((entropy.when > last).sum()) + int((by_margin.when > last).sum())
    status: Status = "warn" if late >= ONLY and late > LATE * len(entropy.when) else "pass"
    numbers = {**about, "steps": STEPS, "broken_in_last_quarter": late}
    return judged("converged", status, numbers, "samples still fall in the last steps: attack with 100 steps or more")


def _cross_entropy(entropy: Tensor, white: Tensor, silent: float, about: dict[str, Number]) -> Check:
    """Return whether the cross-entropy finds what the margin finds.

    It warns only: the model is at fault in nothing, and an attack on a margin or DLR loss is right. That the run's own
    attack was too weak is what `strength` says.
    """
    only = int((white & ~entropy).sum())
    blind = silent > MANY or by_count(only, len(white)) == "fail"
    numbers = {**about, "only_margin": only, "silent_share": silent, "bar": MANY}
    advice = (
        "logits are so large that the cross-entropy has hardly a gradient: attack with a margin or DLR loss (apgd-dlr, "
        "apgd-t)"
    )
    return judged("cross-entropy", "warn" if blind else "pass", numbers, advice)


def unbounded(sight: Sight) -> Check:
    """Return whether an attack that may turn every image into the same grey one breaks everything."""
    ball = Ball(images=sight.images, norm="linf", eps=UNBOUNDED)
    # A start next to the image: what moves it further is the gradient alone.
    start = ball.start(sight.keys.child("unbounded"), share=0.02)
    standing = int((~climb(sight, ball, margin, start=start, steps=UNBOUNDED_STEPS).broken).sum())
    share = standing / len(sight)
    status: Status = "pass" if standing < ONLY or share <= LEFT else "fail" if share > MANY else "warn"
    numbers: dict[str, Number] = {"norm": "linf", "eps": UNBOUNDED, "n": len(sight), "standing": standing, "bar": LEFT}
    advice = "no classifier can stand against such a change, so the gradient is masked: robust accuracy is overstated"
    return judged("unbounded", status, numbers, advice)


def _beyond(name: str, white: Tensor, found: Tensor, reached: Tensor, about: dict[str, Number]) -> Check:
    only = int((found & ~white & ~reached).sum())
    numbers = {
        **about,
        "robust_white_box": int((~white).sum()),
        "broken_beyond": int((found & ~white).sum()),
        "beyond_the_gradient": only,
        "bar": ONLY,
    }
    advice = (
        "a search without gradients breaks what the gradient does not lead to, not even from "
        f"{RETRIES} starts in {RETRY_STEPS} steps: the gradient is masked. Report the worst case over white-box and "
        "black-box attacks"
    )
    return judged(name, by_count(only, len(white)), numbers, advice)
