"""Linear probes of each layer, on clean and on degraded inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import robustkit
from robustkit_metrics.features.chosen import CHOSEN, keep_chosen, merge_chosen, names, reason_of
from robustkit_metrics.features.params import Channels, Pooling
from robustkit_metrics.features.vectors import patterns, usable_vectors
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
        return patterns(self.params.layers)

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return the features of the chosen samples, layer by layer; of a layer that cannot be used, the reason."""
        found, reasons = usable_vectors(batch.features, batch.unusable, *self._form)
        clean, more = usable_vectors(batch.clean_features if self._is_transfer else {}, {}, *self._form)
        rows = {f"{layer}/rows": each.float() for layer, each in found.items()}
        rows |= {f"{layer}/clean": each.float() for layer, each in clean.items()}
        about = {"ids": batch.keys.ids, "labels": batch.labels}
        return keep_chosen(batch.keys, about | rows, more | reasons, self.params.samples, self.params.seed)

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the features of the samples that are chosen among all."""
        return merge_chosen(states, self.params.samples)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the accuracy on each layer, or why there is none."""
        whole = self.merge(chunks)
        return {layer: replace(self._estimate(whole, layer), spec=self._spec) for layer in names(whole, "rows")}

    @property
    def _is_transfer(self) -> bool:
        return self.params.train == "clean"

    @property
    def _form(self) -> tuple[Channels, Pooling, int]:
        return self.params.channels, "mean", self.params.widest

    @property
    def _settings(self) -> robustkit.ProbeSettings:
        return robustkit.ProbeSettings(folds=self.params.folds, l2=self.params.l2, seed=self.params.seed)

    @property
    def _spec(self) -> str:
        chosen = f"samples={self.params.samples}/sample-seed={self.params.seed}/float32/pool=mean"
        control = "shuffled-labels" if self.params.control else "largest-class"
        return f"probe/train={self.params.train}/{self._settings.spec}/chance={control}/{chosen}"

    def _estimate(self, state: robustkit.State, layer: str) -> robustkit.Estimate:
        ids, labels = state[f"{CHOSEN}ids"], state[f"{CHOSEN}labels"]
        reason = reason_of(state, layer)
        if reason:
            return robustkit.Estimate(value=None, n=len(ids), note=f"undefined: {reason}")
        trained = "clean" if self._is_transfer else "rows"
        fitted, asked = (state[f"{CHOSEN}{layer}/{kind}"] for kind in (trained, "rows"))
        found = robustkit.linear_probe(fitted, labels, evaluated=asked, ids=ids, settings=self._settings).estimate
        if not self.params.control or found.value is None:
            return found
        shuffled = robustkit.shuffle_labels(labels, ids, self.params.seed)
        control = robustkit.linear_probe(fitted, shuffled, evaluated=asked, ids=ids, settings=self._settings)
        return replace(found, chance=control.estimate.value)
