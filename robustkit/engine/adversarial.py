"""Runs an attack on one batch and verifies what it returns; the attack's own word counts for nothing."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import ThreatModel
from robustkit.engine.classifier import Classifier
from robustkit.engine.seeds import Keys
from robustkit.errors import DataError, PluginError
from robustkit.protocols import AttackMethod, AttackResult


def attack_batch(
    attack: AttackMethod,
    model: Classifier,
    inputs: Tensor,
    labels: Tensor,
    threat_model: ThreatModel,
    keys: Keys,
    name: str,
) -> tuple[Tensor, dict[str, NDArray[Any]]]:
    """Return the inputs that the attack leaves, and the attack's per-sample columns.

    Only samples that the model gets right are attacked; the others stay as they are and are marked `clean` in
    `broken_by`, which is otherwise left empty for the caller's fresh forward pass to fill.

    Args:
        attack: the implementation.
        model: in evaluation mode, parameters frozen.
        inputs: (N, C, H, W) float32 in [0, 1].
        labels: (N,).
        threat_model: norm, eps and bounds.
        keys: one key a sample.
        name: of the attack, for messages.

    Raises:
        PluginError: a candidate leaves the eps-ball or the bounds, is not finite, or has the wrong shape.
        DataError: the model cannot be copied.
    """
    with torch.inference_mode():
        right = model(inputs).argmax(dim=1) == labels
    rows = right.nonzero().flatten()
    columns = _empty_columns(len(inputs))
    columns["broken_by"][~right.cpu().numpy()] = "clean"
    if len(rows) == 0:
        return inputs, columns
    before = inputs[rows]
    result = attack.run(
        _copy(model, name), before.clone(), labels[rows].clone(), replace(threat_model), keys.rows(rows)
    )
    candidates, norms = _verified(result, before, threat_model, name, keys.rows(rows).ids)
    position = rows.cpu().numpy()
    columns["norm"][position] = norms.cpu().numpy()
    for column, values in (
        ("loss", result.best_loss),
        ("queries", result.queries),
        ("forwards", result.forwards),
        ("backwards", result.backwards),
    ):
        columns[column][position] = values.detach().cpu().numpy()
    attacked = inputs.clone()
    attacked[rows] = candidates
    return attacked, columns


def largest_norm(threat_model: ThreatModel) -> float:
    """Return the norm up to which a candidate counts: eps, and float32's rounding of values in [0, 1]."""
    return threat_model.eps * (1 + 1e-6) + 1e-7


def _copy(model: Classifier, name: str) -> Classifier:
    """Return a copy for the attack to work on: whatever it does to it, no other batch or cell can see."""
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise DataError(
            f"attack '{name}' needs a copy of the model, and copying failed: {type(error).__name__}: {error}",
            "make the network work with copy.deepcopy",
        ) from error


def perturbation_norm(change: Tensor, norm: str) -> Tensor:
    """Return the norm of each sample's change, in float64.

    Args:
        change: (N, …).
        norm: `linf` or `l2`.
    """
    flat = change.flatten(1).double()
    if norm == "linf":
        return flat.abs().amax(dim=1)
    if norm == "l2":
        return flat.square().sum(dim=1).sqrt()
    raise PluginError(f"no norm '{norm}' is known, so a change cannot be measured in it", "use linf or l2")


def _verified(
    result: AttackResult, before: Tensor, threat_model: ThreatModel, name: str, ids: Tensor
) -> tuple[Tensor, Tensor]:
    candidates = result.candidates.detach()
    if candidates.shape != before.shape or candidates.dtype != before.dtype:
        raise PluginError(
            f"attack '{name}' must return candidates {tuple(before.shape)} {before.dtype}, "
            f"got {tuple(candidates.shape)} {candidates.dtype}",
            "this is a defect of the attack",
        )
    norms = perturbation_norm(candidates.double() - before.double(), threat_model.norm)
    inside = norms <= largest_norm(threat_model)
    flat = candidates.flatten(1)
    bounded = ((flat >= threat_model.low) & (flat <= threat_model.high)).all(dim=1)
    bad = ~(inside & bounded)
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise PluginError(
            f"attack '{name}' left its threat model on {int(bad.sum())} sample(s): id {int(ids[first])} has "
            f"{threat_model.norm} norm {float(norms[first]):.6g} (eps {threat_model.eps:.6g}) and values in "
            f"[{float(flat[first].min()):.6g}, {float(flat[first].max()):.6g}]",
            "its results are not counted; this is a defect of the attack",
        )
    return candidates, norms


def _empty_columns(n: int) -> dict[str, NDArray[Any]]:
    return {
        "broken_by": np.full(n, "", dtype=object),
        "norm": np.zeros(n, dtype=np.float32),
        "loss": np.full(n, np.nan, dtype=np.float32),
        "queries": np.zeros(n, dtype=np.int32),
        "forwards": np.zeros(n, dtype=np.int32),
        "backwards": np.zeros(n, dtype=np.int32),
    }
