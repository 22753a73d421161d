"""Estimates of the measures that compare samples with one another, over a bounded choice of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import robustkit
from robustkit_metrics.similarity.collected import Group
from robustkit_metrics.similarity.measures import SampleMeasure
from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.outcome import FEW, Comparison, Found, undefined
from robustkit_metrics.similarity.projection import SKETCHES
from robustkit_metrics.similarity.view import Pair

_EVERY = range(SKETCHES)
_HALVES = (range(SKETCHES // 2), range(SKETCHES // 2, SKETCHES))


def estimate_samples(comparison: Comparison, measure: SampleMeasure) -> Iterator[robustkit.Estimate]:
    """Yield the estimate of each pair of layers."""
    prepared = _Prepared(comparison, measure)
    options = comparison.options
    for pair in comparison.pairs:
        reason = next((why for layer in pair if (why := prepared.unfit(layer))), "")
        if reason:
            yield undefined(prepared.n, reason)
            continue
        found = Found(
            value=prepared.value(pair),
            n=prepared.n,
            chance=prepared.chance(pair),
            spec=f"{measure.spec(options)}/samples={options.samples}/sample-seed={options.seed}",
            doubts=[f"{prepared.n} samples, {FEW} are needed to tell it from chance"] if prepared.n < FEW else [],
            error=prepared.error(pair),
        )
        yield found.estimate(comparison.layers(pair), options)


class _Prepared:
    """What a measure makes of each layer, once."""

    def __init__(self, comparison: Comparison, measure: SampleMeasure) -> None:
        assert comparison.whole.rows is not None
        self._comparison, self._measure = comparison, measure
        self._made: dict[tuple[int, range], Any] = {}
        self.n = len(comparison.whole.rows)

    def unfit(self, layer: int) -> str:
        """Return why a layer cannot be compared; empty where it can."""
        fewest = self._measure.fewest(self._comparison.options)
        if self.n < fewest:
            return f"{self.n} samples, {fewest} are needed"
        rows = features(self._comparison.whole, layer)
        if np.ptp(rows, axis=0).max() <= 1e-7 * np.abs(rows).max():
            return "constant features"
        return ""

    def value(self, pair: Pair, sketches: range = _EVERY) -> float:
        """Return the measure of a pair, from some of the sketches of what was projected."""
        return self._measure.compare(*(self._of(layer, sketches) for layer in pair))

    def chance(self, pair: Pair) -> float:
        """Return what unrelated features give."""
        return self._measure.chance(*(self._of(layer, _EVERY) for layer in pair))

    def error(self, pair: Pair) -> float:
        """Return the standard error that sketches add, from the difference between two halves of them."""
        if not any(layer.sketched for layer in self._comparison.layers(pair)):
            return 0.0
        one, other = (self.value(pair, half) for half in _HALVES)
        return abs(one - other) / 2

    def _of(self, layer: int, sketches: range) -> Any:
        # A layer without sketches is the same under any choice of them.
        key = (layer, sketches if self._comparison.whole.layers[layer].sketched else _EVERY)
        if key not in self._made:
            rows = features(self._comparison.whole, layer, key[1])
            self._made[key] = self._measure.prepare(rows, self._comparison.options)
        return self._made[key]


def features(group: Group, layer: int, sketches: range = _EVERY) -> Array:
    """Return (m, d) features of the chosen samples in float64; of a projected layer those of some sketches.

    Sketches stand side by side, scaled so that inner products are right on average.
    """
    assert group.rows is not None
    rows: Array = group.rows[:, group.columns(layer)].astype(np.float64)
    if not group.layers[layer].sketched:
        return rows
    each = np.split(rows, SKETCHES, axis=1)
    chosen: Array = np.concatenate([each[k] for k in sketches], axis=1) / np.sqrt(len(sketches))
    return chosen
