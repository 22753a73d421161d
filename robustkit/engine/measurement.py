"""The states of a cell's metrics that need the model, measured while it is evaluated."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from robustkit.engine.estimates import check_state
from robustkit.engine.features import UNCALLED, capture_features
from robustkit.engine.grid import Condition
from robustkit.engine.inputs import Inputs
from robustkit.engine.metrics import ChosenMetric, WrappedModel, layers_of, reference_layers
from robustkit.engine.prepare_model import PreparedModel
from robustkit.engine.seeds import Keys
from robustkit.engine.timer import UNTIMED, Timer, Untimed
from robustkit.errors import DataError, PluginError
from robustkit.host import Entry
from robustkit.protocols import MetricBatch, ModelMetric, State


class Measurement:
    """Measures, batch by batch, what the metrics of one cell need of the model.

    Args:
        metrics: of the run.
        prepared: the model of the cell.
        condition: of the cell.
        timer: is charged with the model's forward passes, apart from what else is done here.

    Attributes:
        failures: by metric, why it has no state for this chunk.
    """

    def __init__(
        self,
        metrics: Mapping[str, ChosenMetric],
        prepared: PreparedModel,
        condition: Condition,
        timer: Timer | Untimed = UNTIMED,
    ) -> None:
        model = prepared.classifier
        self._metrics = {
            name: metric for name, metric in metrics.items() if metric.needs_model and metric.applies_to(condition)
        }
        self._model = model
        self._timer = timer
        self._layers = layers_of(self._metrics, model)
        # Each has a model of its own: what a metric does to it, no result and no other metric can see.
        self._lent = {
            name: _copy(model, name) if metric.needs_copy else _Withheld() for name, metric in self._metrics.items()
        }
        self._references = {
            # The model itself where it is its own reference, so that a metric can tell.
            name: _Reference(
                metric,
                metric.reference,
                self._lent[name]
                if metric.needs_copy and metric.reference.identity == prepared.identity
                else _copy(metric.reference.classifier, name),
            )
            for name, metric in self._metrics.items()
            if metric.reference is not None
        }
        self._states = {
            name: _Merged(metric.entry, cast("ModelMetric", metric.implementation))
            for name, metric in self._metrics.items()
        }
        self.failures: dict[str, Exception | SystemExit] = {}

    def logits(
        self, inputs: Inputs, clean: Inputs, labels: Tensor, ids: Tensor, seed: int, given: Tensor | None = None
    ) -> Tensor:
        """Return the logits of a batch, and measure it in passing.

        Args:
            inputs: as the model takes them.
            clean: the same samples before the perturbation or attack.
            labels: (N,), as indices of the model's logits.
            given: (N,), the labels of the data, where they may be others.
            ids: (N,) sample ids.
            seed: the root of the random keys.
        """
        layers = tuple(dict.fromkeys(layer for found in self._layers.values() for layer in found))
        unusable: dict[str, str] = {}
        with torch.no_grad(), capture_features(self._model, layers, unusable) as found:
            with self._timer.section("forward", samples=len(inputs)):
                logits: Tensor = self._model(inputs)
            features = clean_features = _usable(found, layers, len(inputs), unusable)
            if layers and clean is not inputs:
                found.clear()
                self._model(clean)
                clean_features = _usable(found, layers, len(inputs), unusable)
        for name, metric in self._metrics.items():
            if name in self.failures:
                continue
            second = self._references.get(name)
            beside = second.facts(inputs, labels if given is None else given) if second else {}
            batch = MetricBatch(
                model=self._lent[name],
                inputs=_own(inputs),
                clean=_own(clean),
                labels=labels.clone(),
                keys=Keys(seed=seed, stream=metric.entry.qualified, version=1, ids=ids),
                logits=logits.clone() if "logits" in metric.declaration.needs else None,
                features=_copies(features, self._layers[name], unusable),
                clean_features=_copies(clean_features, self._layers[name], unusable),
                unusable={layer: unusable[layer] for layer in self._layers[name] if layer in unusable},
                **beside,
            )
            try:
                self._states[name].add(cast("ModelMetric", metric.implementation).measure(batch))
            except (Exception, SystemExit) as error:
                self.failures[name] = error
        return logits

    def states(self) -> dict[str, State]:
        """Return the state of each metric for all batches together."""
        merged: dict[str, State] = {}
        for name, states in self._states.items():
            if name in self.failures:
                continue
            try:
                merged[name] = states.whole()
            except (Exception, SystemExit) as error:
                self.failures[name] = error
        return merged


class _Merged:
    """The states of a metric, merged while they come: of n batches no more than log2(n) + 1 are held.

    Only neighbours of the same number of batches are merged, so that each state is merged as seldom as in a tree.
    """

    def __init__(self, entry: Entry, metric: ModelMetric) -> None:
        self._entry, self._metric = entry, metric
        self._held: list[tuple[int, State]] = []

    def add(self, state: Any) -> None:
        """Take in the state of one more batch."""
        self._held.append((1, check_state(self._entry, state)))
        while len(self._held) > 1 and self._held[-2][0] == self._held[-1][0]:
            (count, first), (_, second) = self._held[-2:]
            self._held[-2:] = [(2 * count, self._merge([first, second]))]

    def whole(self) -> State:
        """Return the state of all batches."""
        return self._merge([state for _, state in self._held])

    def _merge(self, states: Sequence[State]) -> State:
        return check_state(self._entry, self._metric.merge(states))


class _Reference:
    """The second model of a metric, and what the metric sees of it."""

    def __init__(self, metric: ChosenMetric, prepared: PreparedModel, lent: nn.Module) -> None:
        self._prepared, self._lent = prepared, lent
        self._layers = reference_layers(metric)

    def facts(self, inputs: Inputs, labels: Tensor) -> dict[str, Any]:
        """Return what a `MetricBatch` says of it.

        Args:
            inputs: as models take them.
            labels: (N,), of the data.
        """
        features: dict[str, Tensor] = {}
        unusable: dict[str, str] = {}
        if self._layers:
            with torch.no_grad(), capture_features(self._prepared.classifier, self._layers, unusable) as found:
                self._prepared.classifier(inputs)
                features = _usable(found, self._layers, len(inputs), unusable)
        return {
            "reference": self._lent,
            "reference_labels": self._prepared.translate(labels).clone(),
            "reference_features": _copies(features, self._layers, unusable),
            "reference_unusable": unusable,
        }


class _Withheld(nn.Module):
    """Stands where a metric that reads logits would find the model: to copy that would be for nothing."""

    def forward(self, *_: Inputs) -> Tensor:
        raise PluginError("it calls the model, which it does not declare", "declare needs=frozenset({'model'})")


def _copy(model: WrappedModel, name: str) -> WrappedModel:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise DataError(
            f"metric {name} needs a copy of the model, and copying failed: {type(error).__name__}: {error}",
            "make the network work with copy.deepcopy, or leave the metric out",
        ) from error


def _usable(found: Mapping[str, Tensor], layers: Sequence[str], n: int, unusable: dict[str, str]) -> dict[str, Tensor]:
    """Return the outputs that have one entry a sample, and note why the others have not."""
    for layer in layers:
        if layer not in found:
            unusable.setdefault(layer, UNCALLED)
        elif found[layer].ndim < 1 or len(found[layer]) != n:
            shape = tuple(found[layer].shape)
            unusable.setdefault(layer, f"returns {shape} for {n} samples, whose dimension must come first")
    return dict(found)


def _copies(features: Mapping[str, Tensor], layers: Sequence[str], unusable: Mapping[str, str]) -> dict[str, Tensor]:
    return {layer: features[layer].clone() for layer in layers if layer not in unusable}


def _own(inputs: Inputs) -> Inputs:
    """Return a copy: what one metric does to its batch must not reach the next."""
    return inputs.clone() if isinstance(inputs, Tensor) else list(inputs)
