"""States with one value a sample: joined by appending, estimated by their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp, inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.contextual.ranges import RANGES, REASONS, kind_of

GEOMETRIC = frozenset({"contrast-ratio"})
"""What is averaged as a logarithm: a ratio and its inverse then weigh the same."""

CHANCE = "chance "
"""Begins the name of a column with what chance alone gives; the rest is the name of the part."""

HIDDEN = "about "
"""Begins the name of a column that is no part itself."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is said of estimates beside their numbers.

    Attributes:
        spec: what was computed, without the part: `/basis=patch-4/…`.
        note: of every part that has a value.
        unreliable: by part, why its value is not to be relied on.
        reasons: by part, why it is not defined for a sample.
    """

    spec: str = ""
    note: str = ""
    unreliable: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=lambda: REASONS)


def append(states: Sequence[robustkit.State]) -> robustkit.State:
    """Return the columns of all states, one after the other."""
    return {name: np.concatenate([state[name] for state in states]) for name in states[0]}


def chosen(columns: robustkit.State, rows: NDArray[np.bool_]) -> robustkit.State:
    """Return the columns of some of the samples."""
    return {name: column[rows] for name, column in columns.items()}


def estimate_means(columns: robustkit.State, said: Said = Said()) -> dict[str, robustkit.Estimate]:
    """Return the mean of each part with Student's t-interval; NaN marks samples for which it is undefined."""
    parts = [name for name in columns if not name.startswith((CHANCE, HIDDEN))]
    return {name: _estimate(name, columns[name], columns.get(CHANCE + name), said) for name in parts}


def _estimate(name: str, column: NDArray[Any], chance: NDArray[Any] | None, said: Said) -> robustkit.Estimate:
    kind, spec = kind_of(name), f"contextual/{name}{said.spec}" if said.spec else ""
    values = column.astype(np.float64)
    if kind in GEOMETRIC:
        with np.errstate(divide="ignore"):
            values = np.log(values)
    kept = np.isfinite(values)
    why = f": {said.reasons[kind]}" if kind in said.reasons else ""
    if not kept.any():
        text = f"undefined: for all of {len(values)} samples{why}" if len(values) else "undefined: there is no sample"
        return robustkit.Estimate(value=None, n=0, note=text, spec=spec)
    missing = int((~kept).sum())
    left_out = f"undefined for {missing} of {len(values)} samples, which are left out{why}" if missing else ""
    doubt = said.unreliable.get(kind, "")
    found = robustkit.Estimate(
        value=0.0,
        n=int(kept.sum()),
        note="; ".join(text for text in (doubt, left_out, said.note) if text),
        unreliable=bool(doubt),
        chance=None if chance is None else float(chance[kept].mean()),
        spec=spec,
    )
    return replace(found, **_mean(kind, values[kept]))


def _mean(kind: str, values: NDArray[np.float64]) -> dict[str, Any]:
    low, high = robustkit.mean_interval(values)
    geometric, limits = kind in GEOMETRIC, RANGES.get(kind, (-inf, inf))
    numbers = [None if each is None else exp(each) if geometric else each for each in (values.mean(), low, high)]
    # A mean of numbers within a range lies in it but for rounding; the ends of a t-interval need not.
    value, low, high = (None if each is None else float(np.clip(each, *limits)) for each in numbers)
    return {
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "interval": "student-t of logarithms" if geometric else "student-t",
    }
