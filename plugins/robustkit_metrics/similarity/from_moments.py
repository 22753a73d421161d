"""Estimates of the measures that follow from moments, over all samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import robustkit
from robustkit_metrics.similarity.collected import leave_out, read_group
from robustkit_metrics.similarity.jackknife import FEWEST_CHUNKS, Interval, intervals
from robustkit_metrics.similarity.measures import MomentMeasure
from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.outcome import FEW, FEWEST, Comparison, Found, undefined
from robustkit_metrics.similarity.projection import SKETCHES
from robustkit_metrics.similarity.view import Pair, View, sketch_error

_RANK_FACTOR = 10
_DOMINATED = 0.1


def estimate_moments(comparison: Comparison, measure: MomentMeasure) -> Iterator[robustkit.Estimate]:
    """Yield the estimate of each pair of layers."""
    known = _Known(comparison, measure)
    for pair in comparison.pairs:
        yield known.estimate(pair)


class _Known:
    """The measure of all pairs, also of those that do not bear a look, which `estimate` keeps back."""

    def __init__(self, comparison: Comparison, measure: MomentMeasure) -> None:
        assert comparison.whole.moments is not None
        self._comparison, self._measure = comparison, measure
        self._view = View(comparison.whole.moments, comparison.whole.parts())
        self._reasons = {layer: self._unfit(layer) for pair in comparison.pairs for layer in pair}
        self._pairs = [pair for pair in comparison.pairs if not any(self._reasons[layer] for layer in pair)]
        self._places = {pair: place for place, pair in enumerate(self._pairs)}
        self._values = self._compute(self._view)
        self._chance = self._compute(self._view, chance=True)
        self._intervals = self._jackknife()
        self._errors = self._projection_errors()
        self._dominated = {layer: self._dominance(layer) for pair in self._pairs for layer in pair}

    def estimate(self, pair: Pair) -> robustkit.Estimate:
        n = int(self._view.n)
        if pair not in self._places:
            return undefined(n, self._reasons[pair[0]] or self._reasons[pair[1]])
        place = self._places[pair]
        found = Found(
            value=float(self._values[place]),
            n=n,
            chance=float(self._chance[place]),
            spec=self._measure.spec(self._comparison.options),
            doubts=self._doubts(pair),
            error=float(self._errors[place]),
            interval=self._intervals[place],
        )
        return found.estimate(self._comparison.layers(pair), self._comparison.options)

    def _unfit(self, layer: int) -> str:
        """Return why a layer cannot be compared; empty where it can."""
        view, declared = self._view, self._comparison.whole.layers[layer]
        if view.n < FEWEST:
            return f"{view.n:.0f} samples, {FEWEST} are needed"
        if view.is_constant(layer):
            return "constant features"
        if declared.sketched and not self._measure.projectable:
            room = sum(declared.widths)
            return (
                f"{declared.values} features, where this measure has room for {room}: raise widest, pool, compare less"
            )
        return ""

    def _compute(self, view: View, *, chance: bool = False) -> Array:
        compute = self._measure.chance if chance else self._measure.values
        if not self._pairs:
            return np.empty(0)
        # A layer that is unfit may stand among the others in a matrix; what becomes of it is not looked at.
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return compute(view, self._pairs, self._comparison.options)

    def _jackknife(self) -> list[Interval]:
        group, name, chunks = self._comparison.whole, self._comparison.name, self._comparison.chunks
        none: list[Interval] = [(None, None)] * len(self._pairs)
        if len(chunks) < FEWEST_CHUNKS or not self._pairs:
            return none
        without = []
        for chunk in chunks:
            view = View(leave_out(group, read_group(chunk, name)), group.parts())
            if view.n < FEWEST:
                return none
            without.append(self._compute(view))
        return intervals(self._values, without, self._measure.bounds)

    def _projection_errors(self) -> Array:
        if not self._comparison.sketched:
            return np.zeros(len(self._pairs))
        return sketch_error([self._compute(self._view.without_sketch(k)) for k in range(SKETCHES)])

    def _dominance(self, layer: int) -> str:
        carrying = self._view.effective_samples(layer)
        if carrying >= _DOMINATED * self._view.n:
            return ""
        name = self._comparison.whole.layers[layer].name
        return f"{carrying:.0f} of {self._view.n:.0f} samples carry the variance of {name}: see measure=cka-trimmed"

    def _doubts(self, pair: Pair) -> list[str]:
        n = self._view.n
        found = [f"{n:.0f} samples, {FEW} are needed to tell it from chance"] if n < FEW else []
        if self._measure.ranked:
            most = max(len(self._view.eigen(layer)[0]) for layer in pair)
            if most >= n - 1:
                found.append(f"{most} features and {n:.0f} samples: any features give this; pool, or give more")
            elif n < _RANK_FACTOR * most:
                found.append(f"{n:.0f} samples for {most} features, {_RANK_FACTOR} times as many are needed")
        return [*found, *dict.fromkeys(why for layer in pair if (why := self._dominated[layer]))]
