"""How near degraded inputs stay to clean ones on the unit sphere, and how evenly inputs spread over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from torch import Tensor
from torch.nn.functional import normalize

import robustkit
from robustkit_metrics.features.chosen import CHOSEN, keep_chosen, merge_chosen, names, reason_of
from robustkit_metrics.features.vectors import patterns, usable_vectors
from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.outcome import FEW, undefined
from robustkit_metrics.similarity.params import AlignmentUniformityParams

_PARTS = ("alignment", "uniformity", "uniformity-clean")
_ROWS = ("degraded", "clean")
_TEMPERATURE = 2.0
_FLOAT32 = 1e-6  # of entries of unit vectors

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class AlignmentUniformity:
    """Alignment and uniformity (Wang and Isola 2020), with a sample's clean and degraded inputs as the positive pair.

    Features are scaled to unit length. `alignment/LAYER` is the mean squared distance of the two, 0 where nothing
    changes; `uniformity/LAYER`, of the degraded inputs, and `uniformity-clean/LAYER` are the logarithm of the mean of
    exp(-2 d²) over all pairs of the chosen samples, the lower, the more evenly they spread. Undefined where features of
    a sample are all 0, hence without a direction, or the same for all samples; unreliable below 10 samples.

    Attributes:
        params: which layers, how they are pooled, and the choice of samples.
    """

    params: AlignmentUniformityParams

    @property
    def layers(self) -> tuple[str, ...]:
        """Names or patterns of the layers whose features are needed; empty for the network's direct children."""
        return patterns(self.params.layers)

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return sums of the squared distances, and the unit vectors of the chosen samples."""
        channels = self.params.channels
        found, reasons = usable_vectors(batch.features, batch.unusable, channels)
        clean, more = usable_vectors(batch.clean_features, {}, channels)
        units = {
            name: [normalize(each.detach().double(), dim=1) for each in (found[name], clean[name])]
            for name in found
            if name in clean
        }
        rows = {
            f"{name}/{kind}": each.float() for name, two in units.items() for kind, each in zip(_ROWS, two, strict=True)
        }
        sums = {f"{name}/sums": _sums(*two) for name, two in units.items()}
        return keep_chosen(batch.keys, rows, more | reasons, self.params.samples, self.params.seed) | sums

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the sums over all samples, and the unit vectors of those that are chosen among them."""
        common = [name for name in states[0] if name.endswith("/sums") and all(name in each for each in states)]
        sums: Arrays = {name: np.sum([state[name] for state in states], axis=0) for name in common}
        return merge_chosen(states, self.params.samples) | sums

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the three parts of each layer."""
        whole = self.merge(chunks)
        found: dict[str, robustkit.Estimate] = {}
        for name in names(whole, _ROWS[0]):
            estimates = self._estimates(whole, name)
            found |= {f"{part}/{name}": each for part, each in zip(_PARTS, estimates, strict=True)}
        return found

    def _estimates(self, state: robustkit.State, name: str) -> list[robustkit.Estimate]:
        n = int(state["n"])
        reason = reason_of(state, name)
        if reason:
            return [undefined(n, reason)] * len(_PARTS)
        spec = f"uniformity/t={_TEMPERATURE:g}/samples={self.params.samples}/sample-seed={self.params.seed}/pool=mean"
        rows = [state[f"{CHOSEN}{name}/{kind}"] for kind in _ROWS]
        sums = state[f"{name}/sums"]
        zero = [int(each) for each in sums[2:]]
        constant = [_is_constant(each) for each in rows]
        return [
            _alignment(n, sums, _no_direction(sum(zero), n) or ("constant features" if all(constant) else "")),
            *(
                _uniform(each, spec, _no_direction(none, n) or ("constant features" if same else ""))
                for each, none, same in zip(rows, zero, constant, strict=True)
            ),
        ]


def _sums(degraded: Tensor, clean: Tensor) -> Array:
    """Return (4,) the sum of the squared distances of rows, that of their squares, and rows of 0 in each."""
    squares = (degraded - clean).square().sum(dim=1)
    zero = [float((each == 0).all(dim=1).sum()) for each in (degraded, clean)]
    return np.array([float(squares.sum()), float(squares.square().sum()), *zero])


def _no_direction(zero: int, n: int) -> str:
    return f"the features of {zero} inputs of {n} samples are all 0 and have no direction" if zero else ""


def _is_constant(rows: NDArray[np.floating]) -> bool:
    return len(rows) > 1 and bool(np.ptp(rows, axis=0).max() <= _FLOAT32)


def _few(n: int) -> str:
    return f"unreliable: {n} samples, {FEW} are needed" if n < FEW else ""


def _alignment(n: int, sums: Array, reason: str) -> robustkit.Estimate:
    """Return the mean of numbers from their sum and that of their squares, with Student's t-interval."""
    mean, spec = float(sums[0] / n), "alignment/squared/unit-length/pool=mean"
    if reason:
        return undefined(n, reason, spec)
    few = _few(n)
    found = robustkit.Estimate(value=mean, n=n, note=few, unreliable=bool(few), spec=spec)
    if n < 2:
        return found
    from scipy.special import stdtrit

    variance = max(float(sums[1] - n * mean**2), 0.0) / (n - 1)
    half = float(stdtrit(n - 1, 0.975)) * (variance / n) ** 0.5
    low, high = max(mean - half, 0.0), min(mean + half, 4.0)
    return replace(found, ci_low=low, ci_high=high, interval="student-t")


def _uniform(rows: NDArray[np.floating], spec: str, reason: str) -> robustkit.Estimate:
    n = len(rows)
    if reason or n < 2:
        return undefined(n, reason or f"{n} samples, 2 are needed", spec)
    few, value = _few(n), uniformity(rows.astype(np.float64))
    return robustkit.Estimate(value=value, n=n, note=few, unreliable=bool(few), spec=spec)


def uniformity(rows: Array) -> float:
    """Return the logarithm of the mean of exp(-2 d²) over all pairs of rows; 0 where all are the same.

    Args:
        rows: (n, d) of unit length, n >= 2.
    """
    return float(np.log(np.exp(-_TEMPERATURE * pdist(rows, "sqeuclidean")).mean()))
