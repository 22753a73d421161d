"""From a layer's output to one vector a sample, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

import robustkit
from robustkit_metrics.similarity.params import Channels, Layers

Pooling = Literal["mean", "flatten"]


class UnusableError(robustkit.DataError):
    """A layer has no vector a sample; the message says why."""


def patterns(layers: Layers) -> tuple[str, ...]:
    """Return names or patterns of layers, one or several, as a tuple."""
    return (layers,) if isinstance(layers, str) else layers


def vectors(features: Tensor, channels: Channels, pooling: Pooling = "mean") -> Tensor:
    """Return (N, d) features, one vector a sample.

    Raises:
        UnusableError: the output has another form, the same for batches of any size, or is not finite.
    """
    # Means of half-precision maps in half precision would lose what single precision keeps.
    features = features.float() if features.element_size() < 4 else features
    if pooling == "flatten" and features.ndim > 1:
        return features.flatten(1)
    try:
        return robustkit.pool_features(features, channels)
    except robustkit.DataError as error:
        reason = error.message.replace(f"({len(features)},", "(N,")
        raise UnusableError(f"{reason}; {error.hint}", "name another layer") from error


def usable_vectors(
    features: Mapping[str, Tensor], unusable: Mapping[str, str], channels: Channels, pooling: Pooling = "mean"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the vectors of each layer that has them, and the reasons of the others."""
    found: dict[str, Tensor] = {}
    reasons = {layer: f"the layer {why}" for layer, why in unusable.items()}
    for layer, output in features.items():
        try:
            found[layer] = _finite(vectors(output, channels, pooling))
        except UnusableError as error:
            reasons[layer] = error.message
    return found, reasons


def _finite(features: Tensor) -> Tensor:
    if not torch.isfinite(features).all():
        # One NaN among products of all layers would reach every pair.
        raise UnusableError("features that are NaN or infinite", "look at the model's outputs, name another layer")
    return features
