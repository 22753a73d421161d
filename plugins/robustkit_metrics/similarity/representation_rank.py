"""How many directions a layer's features use: three ranks that are not whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import robustkit
from robustkit_metrics.features.vectors import patterns, usable_vectors
from robustkit_metrics.similarity.collected import (
    Collected,
    Group,
    Layer,
    collect,
    encode,
    leave_out,
    merge_states,
    read_group,
)
from robustkit_metrics.similarity.jackknife import FEWEST_CHUNKS, METHOD, Interval, intervals
from robustkit_metrics.similarity.moments import Array, Moments
from robustkit_metrics.similarity.outcome import undefined
from robustkit_metrics.similarity.params import RepresentationRankParams
from robustkit_metrics.similarity.view import VARIANCE_ROUNDING

_SPECS = {
    "effective-rank": "rank/effective/entropy-of-singular-values/centred",
    "participation-ratio": "rank/participation-ratio/centred",
    "stable-rank": "rank/stable/centred",
}

_ENOUGH = 10
_NONE_CHOSEN = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class RepresentationRank:
    """Effective rank, participation ratio and stable rank of each layer's centred features.

    With singular values s: exp of the entropy of s / sum(s) (Roy and Vetterli 2007, The effective rank); (sum of s²)² /
    sum of s⁴; sum of s² / largest s². Parts are called `RANK/LAYER`.

    Attributes:
        params: which layers, and how they are pooled.
    """

    params: RepresentationRankParams

    @property
    def layers(self) -> tuple[str, ...]:
        """Names or patterns of the layers whose features are needed; empty for the network's direct children."""
        return patterns(self.params.layers)

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return the sums of one batch."""
        found, reasons = usable_vectors(batch.features, batch.unusable, self.params.channels, widest=self.params.widest)
        groups = {}
        for name, vectors in found.items():
            width = vectors.shape[1]
            layer = Layer(side="first", name=name, values=width, widths=(width,))
            groups[name] = collect([layer], [vectors], _NONE_CHOSEN, moments=True)
        return encode(Collected(n=len(batch.inputs), groups=groups, without=reasons, lots=_NONE_CHOSEN))

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the sums over all samples."""
        return encode(merge_states(states, 0))

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the three ranks of each layer."""
        whole = merge_states(chunks, 0)
        found: dict[str, robustkit.Estimate] = {}
        for name, group in whole.groups.items():
            estimates = _estimates(group, [read_group(chunk, name) for chunk in chunks])
            found |= {f"{rank}/{name}": each for rank, each in zip(_SPECS, estimates, strict=True)}
        for name, why in whole.without.items():
            found |= {f"{rank}/{name}": undefined(whole.n, why) for rank in _SPECS}
        return found


def _estimates(group: Group, chunks: Sequence[Group]) -> list[robustkit.Estimate]:
    moments = group.moments
    assert moments is not None
    n, width = int(moments.n), group.layers[0].values
    reason = _unfit(moments)
    if reason:
        return [undefined(n, reason)] * len(_SPECS)
    values, ends = ranks(moments), [(None, None)] * len(_SPECS)
    few = n < _ENOUGH * width
    note = f"unreliable: {n} samples for {width} features, {_ENOUGH} times as many are needed" if few else ""
    return [
        robustkit.Estimate(
            value=float(value),
            n=n,
            ci_low=low,
            ci_high=high,
            interval="" if low is None else METHOD,
            note=note,
            unreliable=few,
            spec=f"{spec}/pool=mean",
        )
        for value, (low, high), spec in zip(values, _jackknife(group, chunks) or ends, _SPECS.values(), strict=True)
    ]


def _unfit(moments: Moments) -> str:
    if moments.n < 2:
        return f"{moments.n:.0f} samples, 2 are needed"
    return "constant features" if moments.is_constant(0) else ""


def _jackknife(group: Group, chunks: Sequence[Group]) -> list[Interval]:
    assert group.moments is not None
    left = [leave_out(group, chunk) for chunk in chunks]
    if len(chunks) < FEWEST_CHUNKS or any(_unfit(each) for each in left):
        return []
    return intervals(ranks(group.moments), [ranks(each) for each in left], (1.0, None))


def ranks(moments: Moments) -> Array:
    """Return (3,) effective rank, participation ratio and stable rank of a set's centred features."""
    squares = np.linalg.eigvalsh(moments.scatter(0, 0))
    # The roots of what rounding makes of directions without variance would add up.
    squares = squares[squares > VARIANCE_ROUNDING * squares.max()]
    values = np.sqrt(squares)
    shares = values / values.sum()
    entropy = -(shares * np.log(shares)).sum()
    total = squares.sum()
    return np.array([np.exp(entropy), total**2 / np.square(squares).sum(), total / squares.max()])
