"""Linear probes of each layer, on clean and on degraded inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

import robustkit
from robustkit_metrics.probe.collected import collect, merge, names, pooled, reason_of
from robustkit_metrics.probe.params import LinearProbeParams


@dataclass(frozen=True)
class LinearProbe:
    """The accuracy of a linear classifier on each layer's features, over samples that it was not fitted to.

    It is fitted to features of clean inputs and asked about those of the cell's, so that it says what of the labels a
    layer still carries where a reader that knows clean features would look for it. See `robustkit.linear_probe`.

    Attributes:
        params: which layers, how probes are fitted, which samples are kept.
    """

    params: LinearProbeParams

    @property
    def layers(self) -> tuple[str, ...]:
        """Names or patterns of the layers whose features are needed; empty for the network's direct children."""
        layers = self.params.layers
        return (layers,) if isinstance(layers, str) else layers

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return the features of the chosen samples, layer by layer; of a layer that cannot be used, the reason."""
        rows: dict[str, Tensor] = {}
        reasons = {layer: f"the layer {why}" for layer, why in batch.unusable.items()}
        for layer, features in batch.features.items():
            given = {"rows": features, **({"clean": batch.clean_features[layer]} if self._is_transfer else {})}
            try:
                rows |= {f"{layer}/{kind}": self._vectors(each) for kind, each in given.items()}
            except robustkit.DataError as error:
                reasons[layer] = error.message
        return collect(batch, rows, reasons, self.params.samples, self.params.seed)

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the features of the samples that are chosen among all."""
        return merge(states, self.params.samples)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the accuracy on each layer, or why there is none."""
        whole = self.merge(chunks)
        return {layer: replace(self._estimate(whole, layer), spec=self._spec) for layer in names(whole)}

    @property
    def _is_transfer(self) -> bool:
        return self.params.train == "clean"

    @property
    def _settings(self) -> robustkit.ProbeSettings:
        return robustkit.ProbeSettings(folds=self.params.folds, l2=self.params.l2, seed=self.params.seed)

    @property
    def _spec(self) -> str:
        chosen = f"samples={self.params.samples}/sample-seed={self.params.seed}/float32/pool=mean"
        control = "shuffled-labels" if self.params.control else "largest-class"
        return f"probe/train={self.params.train}/{self._settings.spec}/chance={control}/{chosen}"

    def _vectors(self, features: Tensor) -> Tensor:
        found = pooled(features, self.params.channels)
        if found.shape[1] > self.params.widest:
            reason = f"{found.shape[1]} channels, more than widest={self.params.widest}"
            raise robustkit.DataError(reason, "raise widest, or name another layer")
        return found

    def _estimate(self, state: robustkit.State, layer: str) -> robustkit.Estimate:
        trained = "clean" if self._is_transfer else "rows"
        reason = reason_of(state, layer, trained, "rows")
        if reason:
            return robustkit.Estimate(value=None, n=len(state["ids"]), note=f"undefined: {reason}")
        fitted, asked = state[f"{layer}/{trained}"], state[f"{layer}/rows"]
        ids, labels = state["ids"], state["labels"]
        found = robustkit.linear_probe(fitted, labels, evaluated=asked, ids=ids, settings=self._settings).estimate
        if not self.params.control or found.value is None:
            return found
        shuffled = robustkit.shuffle_labels(labels, ids, self.params.seed)
        control = robustkit.linear_probe(fitted, shuffled, evaluated=asked, ids=ids, settings=self._settings)
        return replace(found, chance=control.estimate.value)
