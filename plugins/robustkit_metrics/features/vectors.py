"""From a layer's output to one vector a sample, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

import robustkit
from robustkit_metrics.features.params import Channels, Layers, Pooling


class UnusableError(robustkit.DataError):
    """A layer has no vector a sample; the message says why."""


def patterns(layers: Layers) -> tuple[str, ...]:
    """Return names or patterns of layers, one or several, as a tuple."""
    return (layers,) if isinstance(layers, str) else layers


def vectors(output: Tensor, channels: Channels, pooling: Pooling = "mean", widest: int | None = None) -> Tensor:
    """Return (N, d) features, one vector a sample.

    Args:
        output: of a layer.
        channels: which of its dimensions its channels are, see `robustkit.pool_features`.
        pooling: what becomes of positions.
        widest: the most features that there may be.

    Raises:
        UnusableError: the output has another form, the same for batches of any size; is too wide; or is not finite.
    """
    # Means of half-precision maps in half precision would lose what single precision keeps.
    found = _pooled(output.float() if output.element_size() < 4 else output, channels, pooling)
    if widest is not None and found.shape[1] > widest:
        raise UnusableError(f"{found.shape[1]} features, more than widest={widest}", "raise widest")
    if not torch.isfinite(found).all():
        # One NaN among products of all layers would reach every pair.
        raise UnusableError("features that are NaN or infinite", "look at the model's outputs, name another layer")
    return found


def usable_vectors(
    outputs: Mapping[str, Tensor],
    unusable: Mapping[str, str],
    channels: Channels,
    pooling: Pooling = "mean",
    widest: int | None = None,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the vectors of each layer that has them, and the reasons of the others."""
    found: dict[str, Tensor] = {}
    reasons = {layer: f"the layer {why}" for layer, why in unusable.items()}
    for layer, output in outputs.items():
        try:
            found[layer] = vectors(output, channels, pooling, widest)
        except UnusableError as error:
            reasons[layer] = error.message
    return found, reasons


def _pooled(output: Tensor, channels: Channels, pooling: Pooling) -> Tensor:
    if pooling == "flatten" and output.ndim > 1:
        return output.flatten(1)
    try:
        return robustkit.pool_features(output, channels)
    except robustkit.DataError as error:
        reason = error.message.replace(f"({len(output)},", "(N,")
        raise UnusableError(f"{reason}; {error.hint}", "name another layer") from error
