"""What of a run is probed: which model, on which samples, within which balls."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Attack, Norm
from robustkit.engine.grid import CLEAN, Condition, digest
from robustkit.engine.plan import Plan
from robustkit.store import RunFolder

VERSION = 1
"""Raised when a check measures something else than before: stored findings of another version are not used."""

EOT = "eot"
"""The tag of attacks that average gradients over a model's randomness."""

RESOLUTION = 1e-7
"""How far values in [0, 1] have to move for float32 to tell: twice the distance of two numbers below 1, about."""

_COMMON = ("dataset", "view", "samples", "precision", "memory_format", "backend")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One model and what it is tried on.

    Attributes:
        name: of the model.
        ids: of the samples.
        right: whether the run's clean cell says that the model gets them right.
        attacked: whether the run attacks.
        balls: norm and eps to probe within.
        averaged: whether all attacks average over the model's randomness.
        key: sha256 of everything that decides what is found.
    """

    name: str
    ids: NDArray[np.int64]
    right: bool
    attacked: bool
    balls: tuple[tuple[Norm, float], ...]
    averaged: bool
    key: str


def attacks_of(plan: Plan) -> list[Condition]:
    """Return the conditions that are attacks."""
    return [condition for condition in plan.conditions if condition.kind == "attack"]


def choose_subject(plan: Plan, folder: RunFolder, name: str) -> Subject:
    """Return a model with samples that it gets right, spread evenly over those; without any, with any samples.

    Args:
        plan: of the run, on images.
        folder: with the records of its clean cells.
        name: of the model.
    """
    right = _right(plan, folder, name)
    ids = right if len(right) else plan.ids
    count = min(plan.config.trust_samples, len(ids))
    chosen = np.asarray(ids[np.arange(count) * len(ids) // max(count, 1)], dtype=np.int64)
    attacks = attacks_of(plan)
    size = math.prod(cast("Any", plan.dataset).view.shape)
    balls, averaged = _balls(attacks, size), all(map(_averages, attacks))
    facts = {
        "trust": VERSION,
        "model": plan.models[name].identity,
        "ids": hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest(),
        "right": len(right) > 0,
        "attacked": bool(attacks),
        "balls": [list(ball) for ball in balls],
        "averaged": averaged,
        "seed": plan.config.seed[0],
        **{key: plan.identity[key] for key in _COMMON},
    }
    return Subject(
        name=name,
        ids=chosen,
        right=len(right) > 0,
        attacked=bool(attacks),
        balls=balls,
        averaged=averaged,
        key=digest(facts),
    )


def _right(plan: Plan, folder: RunFolder, name: str) -> NDArray[np.int64]:
    clean = next((cell for cell in plan.cells if cell.model == name and cell.condition is CLEAN), None)
    records = folder.read_cell(clean.key, len(plan.chunks)) if clean else None
    if records is None:
        return plan.ids[:0]
    right: NDArray[np.int64] = records["id"][records["prediction"] == records["label"]]
    return right


def _balls(attacks: list[Condition], size: int) -> tuple[tuple[Norm, float], ...]:
    """Return the largest ball of each norm: what masks gradients shows there, and smaller ones would cost as much.

    Balls in which rounding swallows a change of all `size` values of an image are left out: there no loss can rise.
    """
    largest: dict[Norm, float] = {}
    for condition in attacks:
        model = condition.threat_model
        if model is not None and model.eps > 0:
            largest[model.norm] = max(model.eps, largest.get(model.norm, 0.0))
    room = {norm: eps if norm == "linf" else eps / math.sqrt(size) for norm, eps in largest.items()}
    return tuple((norm, eps) for norm, eps in largest.items() if room[norm] >= RESOLUTION)


def _averages(condition: Condition) -> bool:
    component = condition.entry.component if condition.entry else None
    return isinstance(component, Attack) and EOT in component.tags
