"""How near degraded inputs stay to clean ones on the unit sphere, and how evenly inputs spread over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from torch import Tensor
from torch.nn.functional import normalize

import robustkit
from robustkit_metrics.similarity.chosen import lots, rows_at, smallest
from robustkit_metrics.similarity.collected import array_text, text_array
from robustkit_metrics.similarity.layers import patterns, usable_vectors
from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.outcome import undefined
from robustkit_metrics.similarity.params import AlignmentUniformityParams

_PARTS = ("alignment", "uniformity", "uniformity-clean")
_TEMPERATURE = 2.0

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class AlignmentUniformity:
    """Alignment and uniformity (Wang and Isola 2020), with a sample's clean and degraded inputs as the positive pair.

    Features are scaled to unit length. `alignment/LAYER` is the mean squared distance of the two, 0 where nothing
    changes; `uniformity/LAYER`, of the degraded inputs, and `uniformity-clean/LAYER` are the logarithm of the mean of
    exp(-2 d²) over all pairs of the chosen samples, the lower, the more evenly they spread.

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
        lot = lots(batch.keys, self.params.seed)
        chosen = smallest(lot, self.params.samples)
        state: Arrays = {"n": np.array(len(batch.inputs)), "lots": lot[chosen]}
        for name in [name for name in found if name in clean]:
            state |= _of_layer(name, found[name], clean[name], chosen)
        return state | {f"{name}/reason": text_array(why) for name, why in (more | reasons).items()}

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the sums over all samples, and the unit vectors of those that are chosen among them."""
        lot = np.concatenate([state["lots"] for state in states])
        kept = smallest(lot, self.params.samples)
        merged: Arrays = {"n": np.sum([state["n"] for state in states], axis=0), "lots": lot[kept]}
        for name in _layers(states):
            reasons = [state[f"{name}/reason"] for state in states if f"{name}/reason" in state]
            if reasons:
                merged[f"{name}/reason"] = reasons[0]
                continue
            merged[f"{name}/sums"] = np.sum([state[f"{name}/sums"] for state in states], axis=0)
            for rows in (f"{name}/rows", f"{name}/clean-rows"):
                merged[rows] = np.concatenate([state[rows] for state in states])[kept]
        return merged

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the three parts of each layer."""
        whole = self.merge(chunks)
        found: dict[str, robustkit.Estimate] = {}
        for name in _layers([whole]):
            estimates = self._estimates(whole, name)
            found |= {f"{part}/{name}": each for part, each in zip(_PARTS, estimates, strict=True)}
        return found

    def _estimates(self, state: robustkit.State, name: str) -> list[robustkit.Estimate]:
        n = int(state["n"])
        if f"{name}/reason" in state:
            return [undefined(n, array_text(state[f"{name}/reason"]))] * len(_PARTS)
        spec = f"uniformity/t={_TEMPERATURE:g}/samples={self.params.samples}/sample-seed={self.params.seed}/pool=mean"
        rows = [state[f"{name}/{rows}"] for rows in ("rows", "clean-rows")]
        return [_alignment(n, state[f"{name}/sums"]), *(_uniform(each, spec) for each in rows)]


def _of_layer(name: str, degraded: Tensor, clean: Tensor, chosen: NDArray[np.int64]) -> Arrays:
    units = [normalize(each.detach().double(), dim=1) for each in (degraded, clean)]
    squares = (units[0] - units[1]).square().sum(dim=1)
    return {
        f"{name}/sums": np.array([float(squares.sum()), float(squares.square().sum())]),
        f"{name}/rows": rows_at(units[0], chosen).astype(np.float32),
        f"{name}/clean-rows": rows_at(units[1], chosen).astype(np.float32),
    }


def _layers(states: Sequence[robustkit.State]) -> list[str]:
    """Return the layers, those that can be used first."""
    names = [name for kind in ("sums", "reason") for state in states for name in state if name.endswith(f"/{kind}")]
    return list(dict.fromkeys(name.rpartition("/")[0] for name in names))


def _alignment(n: int, sums: Array) -> robustkit.Estimate:
    """Return the mean of numbers from their sum and that of their squares, with Student's t-interval."""
    mean, spec = float(sums[0] / n), "alignment/squared/unit-length/pool=mean"
    if n < 2:
        return robustkit.Estimate(value=mean, n=n, spec=spec)
    from scipy.special import stdtrit

    variance = max(float(sums[1] - n * mean**2), 0.0) / (n - 1)
    half = float(stdtrit(n - 1, 0.975)) * (variance / n) ** 0.5
    low, high = max(mean - half, 0.0), min(mean + half, 4.0)
    return robustkit.Estimate(value=mean, n=n, ci_low=low, ci_high=high, interval="student-t", spec=spec)


def _uniform(rows: NDArray[np.floating], spec: str) -> robustkit.Estimate:
    if len(rows) < 2:
        return undefined(len(rows), f"{len(rows)} samples, 2 are needed")
    return robustkit.Estimate(value=uniformity(rows.astype(np.float64)), n=len(rows), spec=spec)


def uniformity(rows: Array) -> float:
    """Return the logarithm of the mean of exp(-2 d²) over all pairs of rows; 0 where all are the same.

    Args:
        rows: (n, d) of unit length, n >= 2.
    """
    return float(np.log(np.exp(-_TEMPERATURE * pdist(rows, "sqeuclidean")).mean()))
