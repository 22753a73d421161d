"""The loss and the representation of samples, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from robustkit.contextual.targets import LogitLoss, cross_entropy
from robustkit.engine.features import Channels, capture_features, find_layer, pool_features

Inputs = Tensor | list[str]


class Representation:
    """A model's representation of its inputs: the logits, or the output of one layer, averaged over positions.

    Args:
        model: maps N inputs to (N, classes) logits.
        layer: name or pattern of one layer; empty for the logits.
        channels: which dimension of the layer's output its channels are, see `pool_features`.

    Raises:
        ConfigError: no layer has this name, or several.
    """

    def __init__(self, model: nn.Module, layer: str, channels: Channels = "auto") -> None:
        self._model = model
        self._layer = find_layer(model, layer) if layer else ""
        self._channels = channels

    @property
    def is_logits(self) -> bool:
        """Whether the representation is the logits."""
        return not self._layer

    def __call__(self, inputs: Inputs) -> Tensor:
        """Return (N, m) representations."""
        return self._run(inputs)[1]

    def respond(
        self, labels: Tensor, loss: LogitLoss = cross_entropy
    ) -> Callable[[Inputs, Tensor], tuple[Tensor, Tensor]]:
        """Return what maps inputs, and for each the row of its sample, to losses and representations.

        Args:
            labels: (N,) int64, of the samples.
            loss: of logits and labels; cross-entropy where none is given.
        """

        def respond(inputs: Inputs, rows: Tensor) -> tuple[Tensor, Tensor]:
            logits, representation = self._run(inputs)
            return loss(logits, labels[rows.to(labels.device)]), representation

        return respond

    def _run(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        with capture_features(self._model, [self._layer] if self._layer else []) as found:
            logits: Tensor = self._model(inputs)
        return logits, pool_features(found[self._layer], self._channels) if self._layer else logits
