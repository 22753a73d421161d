"""Linear centred kernel alignment between the features of clean and of degraded inputs, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import robustkit
from robustkit_metrics.similarity.params import LinearCkaParams, SimilarityParams
from robustkit_metrics.similarity.similarity import Similarity

_PREFIX = "cka/"


class LinearCka:
    """Linear CKA (Kornblith et al. 2019) with the unbiased estimator of HSIC (Song et al. 2012), layer by layer.

    1 where the features of degraded inputs are those of clean ones up to rotation, scale and translation; near 0, or a
    little below, where they are unrelated. Feature maps are averaged over positions first. It is exact for all samples
    together, not a mean over batches: see `moments`. With 5 chunks or more, the interval is Student's t around the
    value, by a jackknife over chunks, cut off at -1 and 1.

    Attributes:
        layers: which layers it is computed for.
    """

    def __init__(self, params: LinearCkaParams) -> None:
        self._similarity = Similarity(
            SimilarityParams(measure="cka", layers=params.layers, channels=params.channels, widest=params.widest)
        )
        self.layers = self._similarity.layers

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return the sums of one batch; of a layer that cannot be used, the reason alone."""
        return self._similarity.measure(batch)

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the sums over all samples."""
        return self._similarity.merge(states)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the CKA of each layer; without a value, and with a note that says why, where it is undefined."""
        found = self._similarity.estimate(chunks)
        return {part.removeprefix(_PREFIX): each for part, each in found.items()}
