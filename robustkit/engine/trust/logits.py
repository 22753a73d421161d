"""What a model's outputs are: finite or not, logits or probabilities, one for each class of the data."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit.store.checks import Check, Number, judged

SUM_TOLERANCE = 1e-5
"""How far from 1 probabilities may sum up, as in AutoAttack's own check."""


def finite_logits(logits: Tensor) -> Check:
    """Return whether all logits are finite: what is not is neither right nor wrong, and no cell counts it."""
    bad = int((~torch.isfinite(logits)).any(dim=1).sum())
    numbers = {"samples_with_nan_or_infinity": bad, "n": len(logits)}
    advice = "look at the weights, the normalisation and --precision"
    return judged("finite-logits", "fail" if bad else "pass", numbers, advice)


def are_logits(logits: Tensor) -> Check:
    """Return whether the outputs are logits.

    Outputs that lie in [0, 1] and sum up to 1 on every sample are probabilities beyond doubt, and then numbers of the
    run are wrong, so that it fails: confidence, NLL, Brier score and ECE take a softmax of them, and the cross-entropy
    that attacks raise is nearly flat. Logarithms of probabilities are logits.
    """
    wide = logits.double()
    off = (wide.sum(dim=1) - 1).abs()
    probabilities = bool((wide >= 0).all() and (wide <= 1).all() and (off <= SUM_TOLERANCE).all())
    numbers: dict[str, Number] = {
        "smallest": float(wide.amin()),
        "largest": float(wide.amax()),
        "furthest_sum_from_1": float(off.amax()),
        "tolerance": SUM_TOLERANCE,
    }
    advice = (
        "the model returns probabilities: leave its softmax out. NLL, Brier score and ECE of this run are wrong, and "
        "attacks on the cross-entropy too weak"
    )
    return judged("logits", "fail" if probabilities else "pass", numbers, advice)


def classes(logits: Tensor, labels: Tensor) -> Check:
    """Return whether each label has a logit, and which forms of the DLR loss so many classes allow."""
    count = logits.shape[1]
    outside = int(((labels < 0) | (labels >= count)).sum())
    dlr = "none" if count < 3 else "untargeted" if count < 4 else "untargeted and targeted"
    numbers: dict[str, Number] = {
        "classes": count,
        "labels_outside": outside,
        "largest_label": int(labels.max()),
        "dlr": dlr,
    }
    advice = "the data have labels that the model has no class for: are these the data that it was made for?"
    return judged("classes", "fail" if outside else "pass", numbers, advice)
