"""States with one value a sample: joined by appending, estimated by their means."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.ranges import RANGES

GEOMETRIC = frozenset({"contrast-ratio"})
"""What is averaged as a logarithm: a ratio and its inverse then weigh the same."""


def append(states: Sequence[robustkit.State]) -> robustkit.State:
    """Return the columns of all states, one after the other."""
    return {name: np.concatenate([state[name] for state in states]) for name in states[0]}


def estimate_means(columns: robustkit.State) -> dict[str, robustkit.Estimate]:
    """Return the mean of each column with Student's t-interval; NaN marks samples for which it is undefined."""
    return {name: _estimate(name, column) for name, column in columns.items()}


def _estimate(name: str, column: NDArray[Any]) -> robustkit.Estimate:
    values = column.astype(np.float64)
    if name in GEOMETRIC:
        with np.errstate(divide="ignore"):
            values = np.log(values)
    defined = values[np.isfinite(values)]
    n, missing = len(defined), len(values) - len(defined)
    if not n:
        return robustkit.Estimate(value=None, n=0, note=f"undefined: for all of {missing} samples")
    low, high = robustkit.mean_interval(defined)
    numbers = [
        None if each is None else exp(each) if name in GEOMETRIC else each for each in (defined.mean(), low, high)
    ]
    value, low, high = (None if each is None else float(np.clip(each, *RANGES[name])) for each in numbers)
    note = f"undefined for {missing} of {len(values)} samples, which are left out" if missing else ""
    interval = "student-t of logarithms" if name in GEOMETRIC else "student-t"
    return robustkit.Estimate(value=value, n=n, ci_low=low, ci_high=high, interval=interval, note=note)
