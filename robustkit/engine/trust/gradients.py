"""Whether the input gradient, on which attacks live, is what it should be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from robustkit.engine.trust.losses import cross_entropy, margin
from robustkit.engine.trust.sight import Sight
from robustkit.store.checks import Check, Number, Status, judged, not_run

ZERO_SHARE = 0.1
"""Share of samples without a gradient above which it fails; a single one warns. Robustkit's choice: AutoAttack warns
from one sample on, and dead units may silence one."""

DIRECTIONS = 4
STEPS = (6e-5, 25e-5, 1e-3, 4e-3, 16e-3)
"""Changes of each value by which finite differences are taken: large enough for float32, and the best one counts, for
a small one may drown in rounding and a large one cross a kink."""

APART = 0.25
"""How far a gradient may be from finite differences, relative to the longer of both, and still agree."""

AGREEING = (0.5, 0.9)
"""Share of samples that must agree: below the first it fails, below the second it warns. Robustkit's choice: healthy
networks agree on all samples but those next to a kink."""


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """What was found about the gradient.

    Attributes:
        checks: for the report.
        silent: share of samples on which the cross-entropy has no gradient but the margin has.
    """

    checks: list[Check] = field(default_factory=list)
    silent: float = 0.0


def check_gradients(sight: Sight) -> Gradients:
    """Return the checks of the input gradient at the samples themselves."""
    try:
        by_margin, _, _ = sight.look(sight.images, margin)
        by_entropy, _, _ = sight.look(sight.images, cross_entropy)
    except Exception as error:
        reason = "the model's logits have no input gradient"
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        advice = (
            f"{reason}: attacks that need one cannot judge it. Use black-box attacks, or a model without detach() and "
            "no_grad()"
        )
        lacking = judged("differentiable", "fail", {"error": text}, advice)
        return Gradients(checks=[lacking, *not_run(["finite-gradient", "zero-gradient"], reason)])
    zero, zero_entropy = (_length(each) == 0 for each in (by_margin, by_entropy))
    checks = [
        Check(id="differentiable", status="pass"),
        _finite(by_margin, by_entropy),
        _zero(zero, zero_entropy),
    ]
    return Gradients(checks=checks, silent=float((zero_entropy & ~zero).double().mean()))


def _length(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).abs().amax(dim=1)


def _finite(by_margin: Tensor, by_entropy: Tensor) -> Check:
    bad = [int((~torch.isfinite(each)).flatten(1).any(dim=1).sum()) for each in (by_margin, by_entropy)]
    numbers = {"not_finite_margin": bad[0], "not_finite_cross_entropy": bad[1], "n": len(by_margin)}
    advice = "gradients are NaN or infinite: look for square roots, norms and divisions at 0 in the network"
    return judged("finite-gradient", "fail" if any(bad) else "pass", numbers, advice)


def _zero(zero: Tensor, zero_entropy: Tensor) -> Check:
    share = float(zero.double().mean())
    status: Status = "fail" if share > ZERO_SHARE else "warn" if share > 0 else "pass"
    numbers: dict[str, Number] = {
        "zero_share_margin": share,
        "zero_share_cross_entropy": float(zero_entropy.double().mean()),
        "bar": ZERO_SHARE,
        "n": len(zero),
    }
    advice = (
        "the gradient is masked: no attack that follows it can break these samples. Attack a version whose rounding "
        "and quantising are replaced by smooth functions or by the identity (BPDA), and with black-box attacks"
    )
    return judged("zero-gradient", status, numbers, advice)


def finite_differences(sight: Sight) -> Check:
    """Return whether the margin's slopes along random directions are what the gradient says.

    The model should compute in float32: coarser arithmetic drowns small differences.

    The images are first moved into [0.016, 0.984], so that all points stay images. The runner-up class is fixed, so
    that a change of it is no kink.
    """
    centre = sight.images.clamp(STEPS[-1], 1 - STEPS[-1])
    pairs = torch.stack([sight.labels, _rivals(sight.logits(centre), sight.labels)], dim=1)
    paired = replace(sight, labels=pairs)
    gradient, _, _ = paired.look(centre, _difference)
    signs = (sight.keys.child("directions").uniform(DIRECTIONS, *centre.shape[1:]) < 0.5).to(centre) * 2 - 1
    said = (signs * gradient.unsqueeze(1)).flatten(2).double().sum(dim=2)
    found = [_slopes(paired, centre, signs, step) for step in STEPS]
    moving = torch.stack([each.abs().amax(dim=1) > 0 for each in found])
    # A step that moves nothing says nothing, as long as another one does: rounding has swallowed it, here or there.
    silent = ~moving & moving.any(dim=0)
    apart = torch.stack([_relative(said, each) for each in found]).masked_fill(silent, torch.inf).amin(dim=0)
    share = float((apart <= APART).double().mean())
    status: Status = "fail" if share < AGREEING[0] else "warn" if share < AGREEING[1] else "pass"
    numbers: dict[str, Number] = {
        "agreeing_share": share,
        "median_difference": float(apart.median()),
        "moved_by_small_steps": int(moving.any(dim=0).sum()),
        "bar": AGREEING[1],
        "n": len(sight),
    }
    advice = (
        "the gradient is not that of what the model computes (rounding, quantising, a backward pass of its own), and "
        "attacks that follow it go astray: attack a smooth version as well (BPDA), and with black-box attacks"
    )
    return judged("finite-differences", status, numbers, advice)


def _rivals(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.scatter(1, labels[:, None], -torch.inf).argmax(dim=1)


def _difference(logits: Tensor, pairs: Tensor) -> Tensor:
    label, rival = logits.gather(1, pairs).unbind(dim=1)
    return rival - label


def _slopes(paired: Sight, centre: Tensor, signs: Tensor, step: float) -> Tensor:
    """Return (n, DIRECTIONS) float64: central differences over the step."""
    slopes = []
    for sign in signs.unbind(dim=1):
        up, down = (_difference(paired.logits(centre + each * sign), paired.labels) for each in (step, -step))
        slopes.append((up.double() - down.double()) / (2 * step))
    return torch.stack(slopes, dim=1)


def _relative(one: Tensor, other: Tensor) -> Tensor:
    """Return (n,): how far two sets of slopes are apart, over the longer of both; 0 where both are 0."""
    longer = torch.maximum(_norm(one), _norm(other))
    return _norm(one - other).div(longer.clamp(min=1e-300)).nan_to_num(nan=2.0)


def _norm(slopes: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(slopes, dim=1)
    return norms
