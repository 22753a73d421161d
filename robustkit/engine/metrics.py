"""The metrics of a run: which there are, and what each needs of its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from robustkit.components import Metric, Modality, is_measured_on
from robustkit.config import RunConfig
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.classifier import Classifier
from robustkit.engine.features import find_layers
from robustkit.engine.grid import Cell, Condition, digest
from robustkit.engine.prepare_model import PreparedModel
from robustkit.engine.source_digest import package_digest
from robustkit.engine.text_classifier import TextClassifier
from robustkit.errors import ConfigError, PluginError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name, short_name
from robustkit.host.validate import parse_params, resolve_params
from robustkit.names import did_you_mean
from robustkit.protocols import ModelMetric, RecordMetric

WrappedModel = Classifier | TextClassifier

DEFAULT = "default"
"""What `--metric` calls the metrics that are computed when none is named."""

_CELLS_FROM = {
    "clean": "name the clean data with --clean",
    "degraded": "degrade the inputs with -p or -a",
    "attacked": "add an attack with -a",
}
"""How a run gets the cells that a metric is for."""

_NEEDS = frozenset({"records", "clean", "logits", "features", "model"})


@dataclass(frozen=True, kw_only=True)
class ChosenMetric:
    """A metric of a run.

    Attributes:
        entry: its declaration.
        name: what results call it: with the parameters that are not at their defaults.
        identity: its canonical name with every parameter.
        implementation: a `RecordMetric`, or a `ModelMetric`.
        source: digest of the plugin's source.
        reference: the second model, of a metric that measures beside one.
    """

    entry: Entry
    name: str
    identity: str
    implementation: RecordMetric | ModelMetric
    source: str
    reference: PreparedModel | None = None

    @property
    def declaration(self) -> Metric:
        """What the plugin says about it."""
        return cast("Metric", self.entry.component)

    @property
    def needs_model(self) -> bool:
        """Whether it is measured while the cell is computed."""
        return not self.declaration.reads_records

    @property
    def needs_clean(self) -> bool:
        """Whether the samples must be there as they are without perturbation or attack."""
        return bool(self.declaration.needs & {"clean", "features", "model"})

    @property
    def needs_copy(self) -> bool:
        """Whether it is lent the model."""
        return bool(self.declaration.needs & {"features", "model"})

    def applies_to(self, condition: Condition) -> bool:
        """Return whether cells with this condition have it."""
        return is_measured_on(self.declaration.on, condition.kind)

    def key(self, cell: Cell) -> str:
        """Return the content address of its states on a cell."""
        facts: dict[str, Any] = {"version": self.entry.version, "source": self.source}
        if self.reference is not None:
            facts["reference"] = self.reference.identity
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
            chosen[metric.name] = metric
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
        name=short_name(entry, params),
        identity=canonical_name(entry, params),
        implementation=host.build(entry, params),
        source=package_digest(entry),
    )


def bind_references(
    metrics: Mapping[str, ChosenMetric], models: Mapping[str, PreparedModel]
) -> dict[str, ChosenMetric]:
    """Return the metrics with their second models, which they name; those that name none as they are.

    Raises:
        ConfigError: no model of the run has this name.
    """
    bound = {}
    for name, metric in metrics.items():
        wanted = getattr(metric.implementation, "reference", "")
        if wanted and wanted not in models:
            raise ConfigError(
                f"metric {name}: no model of this run is called '{wanted}'",
                did_you_mean(wanted, list(models)) or f"the run has {', '.join(models)}; name a checkpoint more for it",
            )
        bound[name] = replace(metric, reference=models[wanted]) if wanted else metric
    return bound


def idle_metrics(metrics: Mapping[str, ChosenMetric], conditions: Sequence[Condition]) -> list[str]:
    """Return a note on each metric that no cell of a run has; of the default ones nobody expects a row everywhere."""
    return [
        f"metric '{name}' is for {metric.declaration.on} cells, of which this run has none, so it has no rows: "
        f"{_CELLS_FROM[metric.declaration.on]}"
        for name, metric in metrics.items()
        if not metric.declaration.default and not any(map(metric.applies_to, conditions))
    ]


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
        reference_layers(metric)
    return found


def reference_layers(metric: ChosenMetric) -> tuple[str, ...]:
    """Return the layers of a metric's second model whose features it needs.

    Raises:
        ConfigError: a layer that the second model has not.
    """
    if metric.reference is None or "features" not in metric.declaration.needs:
        return ()
    implementation = metric.implementation
    patterns = getattr(implementation, "reference_layers", ()) or getattr(implementation, "layers", ())
    return find_layers(metric.reference.classifier, tuple(patterns))
