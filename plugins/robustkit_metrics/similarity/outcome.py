"""An estimate that says what it is, what chance gives, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import robustkit
from robustkit_metrics.features.chosen import State
from robustkit_metrics.similarity.collected import Group, Layer
from robustkit_metrics.similarity.jackknife import METHOD, Interval
from robustkit_metrics.similarity.params import SimilarityParams
from robustkit_metrics.similarity.view import Pair

FEWEST = 4
"""With fewer samples nothing is defined."""

FEW = 10
"""With fewer samples a value is not told from chance."""

_LARGE_ERROR = 0.05
_SMALL_ERROR = 0.001


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """One group of layers, and which pairs of them are compared.

    Attributes:
        whole: what is kept of all samples.
        name: of the group.
        chunks: the states of single chunks.
        pairs: places of layers in the group.
        options: of the metric.
    """

    whole: Group
    name: str
    chunks: Sequence[State]
    pairs: Sequence[Pair]
    options: SimilarityParams

    def layers(self, pair: Pair) -> tuple[Layer, Layer]:
        """Return the two layers of a pair."""
        return self.whole.layers[pair[0]], self.whole.layers[pair[1]]

    @property
    def sketched(self) -> bool:
        """Whether any layer was projected."""
        return any(layer.sketched for layer in self.whole.layers)


def undefined(n: int, reason: str, spec: str = "") -> robustkit.Estimate:
    """Return an estimate without a value."""
    return robustkit.Estimate(value=None, n=n, note=f"undefined: {reason}", spec=spec)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found of one pair.

    Attributes:
        value: NaN where it does not exist.
        n: samples that it rests on.
        chance: NaN where it is not known.
        spec: of the measure.
        doubts: why the value is not to be relied on.
        error: the standard error that projections add; 0 without any.
        interval: its ends.
    """

    value: float
    n: int
    chance: float
    spec: str
    doubts: Sequence[str]
    error: float = 0.0
    interval: Interval = (None, None)

    def estimate(self, layers: Sequence[Layer], options: SimilarityParams) -> robustkit.Estimate:
        """Return it as an estimate of the similarity of these layers."""
        projected = max((sum(layer.widths) for layer in layers if layer.sketched), default=0)
        drawn = f"/projected={projected}/projection-seed={options.seed}" if projected else ""
        spec = f"{self.spec}/pool={options.pooling}{drawn}"
        if not np.isfinite(self.value):
            return undefined(self.n, f"a self-similarity of 0 or less from {self.n} samples; give more", spec)
        large = [f"the projection adds a standard error of {self.error:.1g}; raise widest"]
        doubts = [*self.doubts, *(large if self.error > _LARGE_ERROR else [])]
        error = f"{self.error:.1g}" if self.error >= _SMALL_ERROR else f"below {_SMALL_ERROR:g}"
        said = f"projected; standard error of the projection {error}" if projected else ""
        return robustkit.Estimate(
            value=self.value,
            n=self.n,
            ci_low=self.interval[0],
            ci_high=self.interval[1],
            interval="" if self.interval[0] is None else METHOD,
            note="unreliable: " + "; ".join(doubts) if doubts else said,
            unreliable=bool(doubts),
            chance=self.chance if np.isfinite(self.chance) else None,
            spec=spec,
        )
