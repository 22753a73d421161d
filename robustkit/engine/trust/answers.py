"""Whether a model's answer to an image depends on anything else: on chance, on its batch."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit.engine.trust.sight import Sight
from robustkit.store.checks import Check, Number, judged, not_run

REPEATS = 5
"""Forward passes that are compared, as AutoAttack's own check makes them."""

TOLERANCE = {"fp32": 1e-4, "tf32": 5e-3, "fp16": 5e-3, "bf16": 4e-2}
"""How far two answers of unit length may be apart, by precision.

1e-4 is AutoAttack's bar. The others are robustkit's choice: about ten units in the last place of the arithmetic, since
the order of a sum may depend on the batch.
"""

RANDOM = {
    True: "the model is randomised, so these attacks measured its noise: switch it off, or attack with gradients "
    "averaged over its draws (EOT, '-a rand:eps=…'), and take the results of standard attacks as unreliable",
    False: "the model is randomised: its numbers are those of one draw; switch off its noise, or repeat the run",
}

NOT_FINITE = "logits that are not finite cannot be compared: see 'finite logits'"


def determinism(sight: Sight, precision: str, attacked: bool) -> Check:
    """Return whether the same batch gets the same logits five times.

    It fails where the run attacks: an attack that does not average over the randomness measures it, not robustness. In
    a run without attacks it warns: the numbers are then those of one draw.
    """
    first = sight.logits()
    others = [sight.logits() for _ in range(REPEATS - 1)]
    apart = torch.stack([_apart(first, each) for each in others]).amax(dim=0)
    changed = torch.stack([first.argmax(1) != each.argmax(1) for each in others]).any(dim=0)
    not_finite = int((~first.isfinite().all(dim=1)).sum())
    tolerance = TOLERANCE[precision]
    numbers: dict[str, Number] = {
        "repeats": REPEATS,
        "largest_difference": float(apart.amax()),
        "tolerance": tolerance,
        "predictions_that_change": int(changed.sum()),
        "not_finite": not_finite,
        "n": len(sight),
    }
    steady = bool((apart <= tolerance).all())
    advice = NOT_FINITE if not_finite else RANDOM[attacked]
    return judged("determinism", "pass" if steady else "fail" if attacked else "warn", numbers, advice)


def batch_size(sight: Sight, precision: str) -> Check:
    """Return whether an image gets the same logits alone as in a batch; normalisation over the batch gives others."""
    if len(sight) < 2:
        return not_run(["batch-size"], "needs two samples")[0]
    advice = (
        "the model's answer depends on the other images of the batch: put batch normalisation into evaluation mode, or "
        "evaluate what is meant with --batch-size 1"
    )
    together = sight.logits()
    try:
        alone = sight.logits(size=1)
    except Exception as error:
        # Batch normalisation in training mode refuses a single image.
        failed: dict[str, Number] = {"n": len(sight), "error": " ".join(f"{type(error).__name__}: {error}".split())}
        return judged("batch-size", "fail", failed, f"the model fails on one image; {advice}")
    apart = _apart(together, alone)
    numbers: dict[str, Number] = {
        "largest_difference": float(apart.amax()),
        "tolerance": TOLERANCE[precision],
        "predictions_that_change": int((together.argmax(1) != alone.argmax(1)).sum()),
        "n": len(sight),
    }
    good = bool((apart <= TOLERANCE[precision]).all())
    return judged("batch-size", "pass" if good else "fail", numbers, advice)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Return (n,): the L2 distance of each pair of logits after each is divided by its length."""
    one, other = (each.double() / (each.double().norm(dim=1, keepdim=True) + 1e-10) for each in (one, other))
    # What is not finite is as far apart as can be: a comparison with NaN must not pass.
    apart: Tensor = torch.linalg.vector_norm(one - other, dim=1)
    return apart.nan_to_num(nan=2.0, posinf=2.0)
