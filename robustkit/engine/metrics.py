"""The metrics of a run: which there are, what each needs, and the states of those that need the model."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from robustkit.components import Metric, Modality, is_measured_on
from robustkit.config import RunConfig
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.classifier import Classifier
from robustkit.engine.estimates import check_state
from robustkit.engine.features import UNCALLED, capture_features, find_layers
from robustkit.engine.grid import Cell, Condition, digest
from robustkit.engine.inputs import Inputs
from robustkit.engine.seeds import Keys
from robustkit.engine.source_digest import package_digest
from robustkit.engine.text_classifier import TextClassifier
from robustkit.engine.timer import UNTIMED, Timer, Untimed
from robustkit.errors import ConfigError, DataError, PluginError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import parse_params, resolve_params
from robustkit.protocols import MetricBatch, ModelMetric, RecordMetric, State

WrappedModel = Classifier | TextClassifier

DEFAULT = "default"
"""What `--metric` calls the metrics that are computed when none is named."""

_NEEDS = frozenset({"records", "model", "features"})


@dataclass(frozen=True, kw_only=True)
class ChosenMetric:
    """A metric of a run.

    Attributes:
        entry: its declaration.
        identity: its canonical name with every parameter.
        implementation: a `RecordMetric`, or a `ModelMetric`.
        source: digest of the plugin's source.
    """

    entry: Entry
    identity: str
    implementation: RecordMetric | ModelMetric
    source: str

    @property
    def declaration(self) -> Metric:
        """What the plugin says about it."""
        return cast("Metric", self.entry.component)

    @property
    def needs_model(self) -> bool:
        """Whether it is measured while the cell is computed."""
        return self.declaration.needs != {"records"}

    def applies_to(self, condition: Condition) -> bool:
        """Return whether cells with this condition have it."""
        return is_measured_on(self.declaration.on, condition.kind)

    def key(self, cell: Cell) -> str:
        """Return the content address of its states on a cell."""
        facts = {"version": self.entry.version, "source": self.source}
        return digest({"cell": cell.key, "metric": self.identity, **facts})


def choose_metrics(
    config: RunConfig, host: Host, modality: Modality | None = None, shape: tuple[int, int, int] | None = None
) -> dict[str, ChosenMetric]:
    """Return the metrics of a run by name; without a choice, the first-party default ones.

    Args:
        config: whose metrics are meant.
        host: where they are found.
        modality: what the data are; None where that is not known yet.
        shape: (C, H, W) of images; None for texts, or where it is not known yet.

    Raises:
        ConfigError: an unknown name or parameter, or a metric for another kind of data or other images.
        PluginError: a metric needs what robustkit does not know.
    """
    defaults = [
        entry.qualified
        for entry in host.catalog.all("metric")
        if entry.first_party and cast("Metric", entry.component).default
    ]
    chosen = {}
    for name in config.metric or (DEFAULT,):
        for text in defaults if name == DEFAULT else [name]:
            metric = _choose(text, host, modality, shape)
            chosen[metric.identity if ":" in text else metric.entry.qualified] = metric
    if not chosen:
        raise ConfigError("there is no metric to compute", "leave out --no-plugin metrics, or name one with --metric")
    return chosen


def _choose(text: str, host: Host, modality: Modality | None, shape: tuple[int, int, int] | None) -> ChosenMetric:
    raw = parse_shorthand(text)
    entry = host.catalog.find("metric", raw.pop("name"))
    declaration = cast("Metric", entry.component)
    if modality and declaration.modality not in (None, modality):
        raise ConfigError(
            f"metric '{entry.qualified}' is for {declaration.modality} data, these are {modality} data",
            "'robustkit list metrics' shows the others",
        )
    unknown = sorted(declaration.needs - _NEEDS)
    if unknown:
        raise PluginError(
            f"metric '{entry.qualified}' needs {', '.join(unknown)}, which this robustkit cannot give",
            "update robustkit, or leave the metric out",
        )
    params = parse_params(entry, raw)
    params = resolve_params(entry, params, shape) if shape is not None else params
    return ChosenMetric(
        entry=entry,
        identity=canonical_name(entry, params),
        implementation=host.build(entry, params),
        source=package_digest(entry),
    )


class Measurement:
    """Measures, batch by batch, what the metrics of one cell need of the model.

    Args:
        metrics: of the run.
        model: of the cell.
        condition: of the cell.
        timer: is charged with the model's forward passes, apart from what else is done here.

    Attributes:
        failures: by metric, why it has no state for this chunk.
    """

    def __init__(
        self,
        metrics: Mapping[str, ChosenMetric],
        model: WrappedModel,
        condition: Condition,
        timer: Timer | Untimed = UNTIMED,
    ) -> None:
        self._metrics = {
            name: metric for name, metric in metrics.items() if metric.needs_model and metric.applies_to(condition)
        }
        self._model = model
        self._timer = timer
        self._layers = layers_of(self._metrics, model)
        # Each has a model of its own: what a metric does to it, no result and no other metric can see.
        self._lent = {name: _copy(model, name) for name in self._metrics}
        self._states: dict[str, list[State]] = {name: [] for name in self._metrics}
        self.failures: dict[str, Exception | SystemExit] = {}

    def logits(self, inputs: Inputs, clean: Inputs, labels: Tensor, ids: Tensor, seed: int) -> Tensor:
        """Return the logits of a batch, and measure it in passing.

        Args:
            inputs: as the model takes them.
            clean: the same samples before the perturbation or attack.
            labels: (N,).
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
            batch = MetricBatch(
                model=self._lent[name],
                inputs=_own(inputs),
                clean=_own(clean),
                labels=labels.clone(),
                keys=Keys(seed=seed, stream=metric.entry.qualified, version=1, ids=ids),
                features=_copies(features, self._layers[name], unusable),
                clean_features=_copies(clean_features, self._layers[name], unusable),
                unusable={layer: unusable[layer] for layer in self._layers[name] if layer in unusable},
            )
            try:
                self._states[name].append(
                    check_state(metric.entry, cast("ModelMetric", metric.implementation).measure(batch))
                )
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
                metric = self._metrics[name]
                merged[name] = check_state(metric.entry, cast("ModelMetric", metric.implementation).merge(states))
            except (Exception, SystemExit) as error:
                self.failures[name] = error
        return merged


def layers_of(metrics: Mapping[str, ChosenMetric], model: WrappedModel) -> dict[str, tuple[str, ...]]:
    """Return, for each metric, the layers of a model whose features it needs.

    A metric that captures features itself may name its `layers` too, so that a wrong name is found early.

    Raises:
        ConfigError: a metric names a layer that the model has not.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, metric in metrics.items():
        patterns = tuple(getattr(metric.implementation, "layers", ()))
        needs = "features" in metric.declaration.needs
        layers = find_layers(model, patterns) if needs or patterns else ()
        found[name] = layers if needs else ()
    return found


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
