"""The similarity of representations: of clean and degraded inputs, of layers, of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import robustkit
from robustkit_metrics.features.chosen import lots, smallest
from robustkit_metrics.features.vectors import patterns, usable_vectors
from robustkit_metrics.similarity.collected import Collected, Group, Layer, Side, collect, encode, merge_states
from robustkit_metrics.similarity.from_moments import estimate_moments
from robustkit_metrics.similarity.from_samples import estimate_samples
from robustkit_metrics.similarity.measures import MOMENT_MEASURES, SAMPLE_MEASURES
from robustkit_metrics.similarity.outcome import Comparison, undefined
from robustkit_metrics.similarity.params import SimilarityParams
from robustkit_metrics.similarity.projection import sketch
from robustkit_metrics.similarity.view import Pair

TOGETHER = 8192
"""The most features that all layers of a comparison keep together: their products take half a gigabyte."""

_NARROWEST = 64
"""Features that a layer keeps at least, where not fewer are asked for."""

Vectors = dict[str, Tensor]
Reasons = dict[str, str]


@dataclass(frozen=True)
class Similarity:
    """How similar layers' features are, by measures of several kinds, each with what chance gives and its status.

    Parts are called `MEASURE/LAYER` where a layer is compared with its namesake, and `MEASURE/LAYER~OTHER` where all
    pairs are compared. The first layer is that of the evaluated model and inputs; the other that of the clean inputs,
    of the same inputs, or of the second model.

    Attributes:
        params: what is compared, and how.

    Raises:
        robustkit.ConfigError: parameters that contradict each other.
    """

    params: SimilarityParams

    def __post_init__(self) -> None:
        """Refuse parameters of which one says that the other has no effect."""
        params = self.params
        if params.reference and params.against == "layers":
            raise robustkit.ConfigError(
                f"similarity: against=layers compares layers of one model, reference={params.reference} those of two",
                "leave out one of them; reference=NAME,pairs=all compares all layers of two models",
            )
        if params.reference_layers and not params.reference:
            raise robustkit.ConfigError(
                "similarity: reference_layers are of a second model, and no reference is named",
                "name it with reference=NAME, or leave out reference_layers",
            )

    @property
    def layers(self) -> tuple[str, ...]:
        """Names or patterns of the layers whose features are needed; empty for the network's direct children."""
        return patterns(self.params.layers)

    @property
    def reference(self) -> str:
        """The second model, or empty for none."""
        return self.params.reference

    @property
    def reference_layers(self) -> tuple[str, ...]:
        """Names or patterns of the second model's layers; empty for those of `layers`."""
        return patterns(self.params.reference_layers)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures, in their order."""
        given = self.params.measure
        return tuple(dict.fromkeys((given,) if isinstance(given, str) else given))

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return what is kept of one batch."""
        options = self.params
        first, reasons = usable_vectors(batch.features, batch.unusable, options.channels, options.pooling)
        second, more = self._second(batch)
        lot = lots(batch.keys, options.seed)
        chosen = smallest(lot, options.samples if set(self.measures) & set(SAMPLE_MEASURES) else 0)
        if options.pairs == "all" or self._within:
            reasons |= {f"~{layer}": why for layer, why in more.items()}
            named = {"": _sided(first, second)} if first and (second or self._within) else {}
        else:
            reasons |= more | _unmatched(first, second, reasons | more, options.reference)
            named = {name: _sided({name: first[name]}, {name: second[name]}) for name in first if name in second}
        groups = {name: self._collect(sided, chosen) for name, sided in named.items()}
        return encode(Collected(n=len(batch.inputs), groups=groups, without=reasons, lots=lot[chosen]))

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return what is kept of all samples."""
        return encode(merge_states(states, self.params.samples))

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the similarity of each pair by each measure; where there is none, a note that says why."""
        whole = merge_states(chunks, self.params.samples)
        found: dict[str, robustkit.Estimate] = {}
        for measure in self.measures:
            for name, group in whole.groups.items():
                found |= dict(self._estimates(measure, name, group, chunks))
            without = {layer: undefined(whole.n, why) for layer, why in whole.without.items()}
            found |= {f"{measure}/{layer}": each for layer, each in without.items()}
        return found

    @property
    def _within(self) -> bool:
        """Whether layers are compared with those of the same model and inputs."""
        return not self.params.reference and self.params.against == "layers"

    def _second(self, batch: robustkit.MetricBatch) -> tuple[Vectors, Reasons]:
        options = self.params
        if self._within:
            return {}, {}
        if options.reference:
            given: Mapping[str, Tensor] = batch.reference_features
            return usable_vectors(given, batch.reference_unusable, options.channels, options.pooling)
        found, reasons = usable_vectors(batch.clean_features, {}, options.channels, options.pooling)
        return found, reasons

    def _collect(self, sided: Sequence[tuple[Side, str, Tensor]], chosen: NDArray[np.int64]) -> Group:
        width = fitting_width([each.shape[1] for _, _, each in sided], self.params.widest)
        layers, sets = [], []
        for side, name, vectors in sided:
            sketches = sketch(vectors, width, self.params.seed)
            widths = tuple(each.shape[1] for each in sketches)
            layers.append(Layer(side=side, name=name, values=vectors.shape[1], widths=widths))
            sets += sketches
        return collect(layers, sets, chosen, moments=bool(set(self.measures) & set(MOMENT_MEASURES)))

    def _estimates(
        self, measure: str, name: str, group: Group, chunks: Sequence[robustkit.State]
    ) -> Iterator[tuple[str, robustkit.Estimate]]:
        pairs = self._pairs(measure, group.layers)
        comparison = Comparison(whole=group, name=name, chunks=chunks, pairs=pairs, options=self.params)
        found = (
            estimate_moments(comparison, MOMENT_MEASURES[measure])
            if measure in MOMENT_MEASURES
            else estimate_samples(comparison, SAMPLE_MEASURES[measure])
        )
        for pair, estimate in zip(pairs, found, strict=True):
            first, second = comparison.layers(pair)
            together = self.params.pairs == "same" and not self._within
            yield f"{measure}/{first.name}" if together else f"{measure}/{first.name}~{second.name}", estimate

    def _pairs(self, measure: str, layers: Sequence[Layer]) -> list[Pair]:
        """Return the pairs that have a part: a symmetric measure of two layers of one side has one, not two."""
        symmetric = (MOMENT_MEASURES.get(measure) or SAMPLE_MEASURES[measure]).symmetric
        first = [place for place, layer in enumerate(layers) if layer.side == "first"]
        second = [place for place, layer in enumerate(layers) if layer.side == "second"]
        once = symmetric and not second
        return [(one, other) for one in first for other in second or first if not once or one <= other]


def fitting_width(widths: Sequence[int], widest: int) -> int:
    """Return to how many features layers are projected that have more: `widest`, or fewer where they are many.

    Args:
        widths: how many features each layer has that is compared with the others.
        widest: the most that a layer may keep.

    Raises:
        DataError: there are too many layers.

    >>> fitting_width([64, 5000], 1024), fitting_width([64, *[5000] * 9], 1024)
    (1024, 903)
    """
    fewest = min(widest, _NARROWEST)
    for width in range(widest, fewest - 1, -1):
        if sum(min(each, width) for each in widths) <= TOGETHER:
            return width
    raise robustkit.DataError(
        f"all pairs of {len(widths)} layers with {sum(widths)} features, too many even with {fewest} of each",
        "name fewer layers with layers=[…], or compare pairs=same",
    )


def _sided(first: Vectors, second: Vectors) -> list[tuple[Side, str, Tensor]]:
    return [
        *(("first", name, each) for name, each in first.items()),
        *(("second", name, each) for name, each in second.items()),
    ]


def _unmatched(first: Vectors, second: Vectors, reasons: Reasons, reference: str) -> Reasons:
    """Return why layers have no namesake, of those for which no other reason is known."""
    found = {}
    for name in first:
        if name in second or name in reasons:
            continue
        near = get_close_matches(name, second, n=1, cutoff=0.5)
        said = f"did you mean '{near[0]}'? " if near else ""
        found[name] = f"'{reference}' has no layer of this name; {said}pairs=all compares all layers"
    return found
