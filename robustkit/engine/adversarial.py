"""Runs an attack on samples and verifies what it returns; the attack's own word counts for nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import ThreatModel
from robustkit.config.schema import Precision
from robustkit.engine.classifier import Classifier
from robustkit.engine.device import AUTOCAST, numerics
from robustkit.engine.seeds import Keys
from robustkit.errors import DataError, PluginError
from robustkit.protocols import AttackMethod, AttackResult
from robustkit.store.records import NO_PREDICTION


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """What an attack made of some samples.

    Attributes:
        inputs: (N, C, H, W), the worst inputs found; of samples that were wrong before, the inputs themselves.
        columns: what is recorded of each sample. `broken_by` is `clean` where it was wrong before, and otherwise empty,
            for a fresh forward pass to fill.
        credit: (N,) who is to be named in `broken_by` if the sample turns out to be broken.
    """

    inputs: Tensor
    columns: dict[str, NDArray[Any]]
    credit: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Assault:
    """What is done to samples.

    Attributes:
        attack: the implementation.
        name: of the attack, for messages and credit.
        threat_model: norm, eps and bounds.
        batch_size: how many samples share a pass.
        search: in what precision the attack computes; None for that of the model.
    """

    attack: AttackMethod
    name: str
    threat_model: ThreatModel
    batch_size: int
    search: Precision | None = None


def attack_samples(assault: Assault, model: Classifier, inputs: Tensor, labels: Tensor, keys: Keys) -> Attacked:
    """Return what an attack makes of samples; only those that the model gets right are attacked.

    A search in another precision has no say in the result: what it leaves is judged in the model's own, and samples
    that are broken in the other precision only are attacked again in the model's.

    Args:
        assault: what is done.
        model: in evaluation mode, parameters frozen.
        inputs: (N, C, H, W) float32 in [0, 1].
        labels: (N,).
        keys: one key a sample.

    Raises:
        PluginError: a candidate leaves the eps-ball or the bounds, is not finite, or has the wrong shape.
        DataError: the model cannot be copied.
    """
    size, search = assault.batch_size, assault.search
    right = _predictions(model, inputs, size) == labels
    columns = _empty_columns(len(inputs))
    columns["broken_by"][~right.cpu().numpy()] = "clean"
    credit = np.full(len(inputs), assault.name, dtype=object)
    found = Attacked(inputs=inputs.clone(), columns=columns, credit=credit)
    rows = right.nonzero().flatten()
    if len(rows) == 0:
        return found
    if search is None:
        _attack(found, assault, _lent(model, assault), labels, keys, rows)
        return found
    with numerics(search):
        _attack(found, assault, _lent(model, assault), labels, keys, rows)
        fooled = rows[_predictions(_lent(model, assault), found.inputs[rows], size) != labels[rows]]
    held = fooled[_predictions(model, found.inputs[fooled], size) == labels[fooled]]
    found.inputs[held] = inputs[held]
    _attack(found, assault, _lent(model, replace(assault, search=None)), labels, keys, held)
    return found


def _attack(found: Attacked, assault: Assault, lent: Classifier, labels: Tensor, keys: Keys, rows: Tensor) -> None:
    """Attack some of the samples as `found` has them, and write into it what comes of it; costs add up."""
    if len(rows) == 0:
        return
    before = found.inputs[rows]
    # Copies: whatever an attack does to its arguments, nobody else sees.
    threat_model = replace(assault.threat_model)
    result = assault.attack.run(lent, before.clone(), labels[rows].clone(), threat_model, keys.rows(rows))
    candidates, norms = _verified(result, before, assault.threat_model, assault.name, keys.rows(rows).ids)
    found.inputs[rows] = candidates
    position = rows.cpu().numpy()
    found.columns["norm"][position] = norms.cpu().numpy()
    found.columns["loss"][position] = result.best_loss.detach().cpu().numpy()
    for column in ("queries", "forwards", "backwards"):
        found.columns[column][position] += getattr(result, column).detach().cpu().numpy().astype(np.int32)
    for place, member in zip(position, result.found_by, strict=False):
        found.credit[place] = f"{assault.name}@{member}" if member else assault.name


def _lent(model: Classifier, assault: Assault) -> Classifier:
    """Return a copy for the attack to work on: whatever it does to it, no other batch or cell can see."""
    try:
        lent = copy.deepcopy(model)
    except Exception as error:
        raise DataError(
            f"attack '{assault.name}' needs a copy of the model, and copying failed: {type(error).__name__}: {error}",
            "make the network work with copy.deepcopy",
        ) from error
    lent.batch_size = assault.batch_size
    if assault.search is not None:
        lent.autocast = AUTOCAST[assault.search]
    return lent


def _predictions(model: Classifier, inputs: Tensor, batch_size: int) -> Tensor:
    """Return (N,) classes, -1 where the logits are not finite: such a sample is not right."""
    # Not inference mode: a network that differentiates while it answers could not.
    with torch.no_grad():
        logits = [model(part) for part in torch.split(inputs, batch_size)]
    parts = [torch.where(each.isfinite().all(dim=1), each.argmax(dim=1), NO_PREDICTION) for each in logits]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64, device=inputs.device)


def largest_norm(threat_model: ThreatModel) -> float:
    """Return the norm up to which a candidate counts: eps, and float32's rounding of values in [0, 1]."""
    return threat_model.eps * (1 + 1e-6) + 1e-7


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
