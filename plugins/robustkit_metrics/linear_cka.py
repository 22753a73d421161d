"""Linear centred kernel alignment between the features of clean and of degraded inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

import robustkit
from robustkit_metrics.cka_moments import Moments, Undefined, add, measure_moments, subtract, unbiased_cka
from robustkit_metrics.params import LinearCkaParams

_FEWEST_CHUNKS = 5
_REASON = "reason"


@dataclass(frozen=True)
class LinearCka:
    """Linear CKA (Kornblith et al. 2019) with the unbiased estimator of HSIC (Song et al. 2012), layer by layer.

    1 where the features of degraded inputs are those of clean ones up to rotation, scale and translation; near 0, or a
    little below, where they are unrelated: it is not cut off there. Feature maps are averaged over positions first. It
    is exact for all samples together, not a mean over batches: see `cka_moments`. With 5 chunks or more, the interval
    is Student's t around the value, by a jackknife over chunks, cut off at -1 and 1.

    Attributes:
        layers: which layers it is computed for.
    """

    params: LinearCkaParams

    @property
    def layers(self) -> tuple[str, ...]:
        """Names or patterns of the layers whose features are needed; empty for the network's direct children."""
        layers = self.params.layers
        return (layers,) if isinstance(layers, str) else layers

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return the sums of one batch, under `LAYER/NAME`; of a layer that cannot be used, the reason alone."""
        found = {
            layer: self._moments(batch.clean_features[layer], features) for layer, features in batch.features.items()
        }
        found |= {layer: _without(len(batch.inputs), f"the layer {why}") for layer, why in batch.unusable.items()}
        return {f"{layer}/{name}": array for layer, moments in found.items() for name, array in moments.items()}

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the sums over all samples."""
        layers = [_by_layer(state) for state in states]
        return {
            f"{layer}/{name}": array
            for layer in layers[0]
            for name, array in _merge([each[layer] for each in layers]).items()
        }

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the CKA of each layer; without a value, and with a note that says why, where it is undefined."""
        layers = [_by_layer(chunk) for chunk in chunks]
        return {layer: self._estimate([each[layer] for each in layers]) for layer in layers[0]}

    def _moments(self, clean: Tensor, degraded: Tensor) -> Moments:
        try:
            first, second = (robustkit.pool_features(each, self.params.channels) for each in (clean, degraded))
        except robustkit.DataError as error:
            # The shape but for the number of samples: all batches have the same reason.
            return _without(len(clean), f"{error.message.replace(f'({len(clean)},', '(N,')}; {error.hint}")
        if first.shape[1] > self.params.widest:
            return _without(len(clean), f"{first.shape[1]} channels, more than widest={self.params.widest}")
        return measure_moments(first, second)

    def _estimate(self, chunks: Sequence[Moments]) -> robustkit.Estimate:
        whole = _merge(chunks)
        n = int(whole["n"])
        if _REASON in whole:
            return robustkit.Estimate(value=None, n=n, note=f"undefined: {whole[_REASON].tobytes().decode()}")
        try:
            value = unbiased_cka(whole)
        except Undefined as reason:
            return robustkit.Estimate(value=None, n=n, note=f"undefined: {reason}")
        # Cauchy and Schwarz bound it by 1 in absolute value, but for rounding.
        value = min(max(value, -1.0), 1.0)
        low, high = _jackknife(value, whole, chunks)
        interval = "" if low is None else "jackknife-chunks"
        return robustkit.Estimate(value=value, n=n, ci_low=low, ci_high=high, interval=interval)


def _without(n: int, reason: str) -> Moments:
    """Return the state of a layer that has no sums; a state holds numbers, so the reason is stored as its bytes."""
    return {"n": np.array(float(n)), _REASON: np.frombuffer(reason.encode(), dtype=np.uint8)}


def _by_layer(state: robustkit.State) -> dict[str, Moments]:
    layers: dict[str, Moments] = {}
    for key, array in state.items():
        layer, _, name = key.rpartition("/")
        layers.setdefault(layer, {})[name] = array
    return layers


def _merge(parts: Sequence[Moments]) -> Moments:
    reasons = [part[_REASON] for part in parts if _REASON in part]
    if reasons:
        return {"n": np.array(sum(float(part["n"]) for part in parts)), _REASON: reasons[0]}
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


def _jackknife(value: float, whole: Moments, chunks: Sequence[Moments]) -> tuple[float | None, float | None]:
    """Return Student's 95 % interval around the value, within [-1, 1], from the values without one chunk at a time."""
    count = len(chunks)
    if count < _FEWEST_CHUNKS:
        return None, None
    from scipy.special import stdtrit

    try:
        without = np.array([unbiased_cka(subtract(whole, chunk)) for chunk in chunks])
    except Undefined:
        return None, None
    error = np.sqrt((count - 1) / count * np.square(without - without.mean()).sum())
    half = float(stdtrit(count - 1, 0.975) * error)
    return max(value - half, -1.0), min(value + half, 1.0)
