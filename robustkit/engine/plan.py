"""From a configuration to everything that a run needs, with every mistake found before anything is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from robustkit.components import Modality, View
from robustkit.config import RunConfig
from robustkit.config.schema import RUNTIME_ONLY, as_dict
from robustkit.engine.aimed_rate import aimed_rate
from robustkit.engine.data import select_ids
from robustkit.engine.device import check_precision, pick_device
from robustkit.engine.evaluated_data import EvaluatedData, open_evaluated
from robustkit.engine.grid import Cell, Condition, expand_cells, expand_conditions, split_chunks
from robustkit.engine.inputs import modality_of
from robustkit.engine.metrics import DEFAULT, ChosenMetric, bind_references, choose_metrics, idle_metrics, layers_of
from robustkit.engine.prepare_model import PreparedModel, equal_models, prepare_models
from robustkit.engine.stored_conditions import choose_stored, seal
from robustkit.engine.text_classifier import TextClassifier
from robustkit.engine.training_facts import seen_before
from robustkit.errors import ConfigError, DataError
from robustkit.host import Host
from robustkit.protocols import ImageDataset, TextDataset


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that is ready to start.

    Attributes:
        config: what was asked for.
        device: what computes.
        models: by name, in the order of the configuration.
        data: what is evaluated.
        modality: what they are.
        dataset_name: how tables call it.
        ids: the samples to evaluate, ascending.
        chunks: the same, in units of commit.
        conditions: `clean` and every other one.
        cells: the units of results.
        metrics: by the name that results give them.
        identity: everything that decides the numbers; a resumed run must have the same.
    """

    config: RunConfig
    device: torch.device
    models: Mapping[str, PreparedModel]
    data: EvaluatedData
    modality: Modality
    dataset_name: str
    ids: NDArray[np.int64]
    chunks: list[NDArray[np.int64]]
    conditions: list[Condition]
    cells: list[Cell]
    metrics: Mapping[str, ChosenMetric]
    identity: Mapping[str, Any]

    @property
    def dataset(self) -> ImageDataset | TextDataset:
        """The clean data; of a stored set without them its first part, for labels, classes and view."""
        return self.data.dataset

    @property
    def standing_notes(self) -> list[str]:
        """What the user should know of the data and of each model, and which metric has no cell."""
        of_models = (note for model in self.models.values() for note in model.notes)
        return [*self.data.notes, *of_models, *equal_models(self.models), *idle_metrics(self.metrics, self.conditions)]

    @property
    def notes(self) -> list[str]:
        """What the user should know before the run: data, models, and what is approximate or reconstructed."""
        notes = self.standing_notes
        trained: dict[str, list[str]] = {}
        for name, model in self.models.items():
            if caveat := model.report["training"].get("caveat"):
                trained.setdefault(caveat, []).append(name)
        notes += [f"trainer of {', '.join(names)}: {caveat}" for caveat, names in trained.items()]
        said = {metric.entry.qualified: metric.declaration.caveat for metric in self.metrics.values()}
        said |= {c.component: c.entry.component.caveat for c in self.conditions if c.entry is not None}
        return notes + [f"{name}: {caveat}" for name, caveat in said.items() if caveat]


def make_plan(config: RunConfig, host: Host) -> Plan:
    """Return the plan of a run; cheap mistakes are found first.

    Raises:
        ConfigError: a wrong name, parameter, device or file.
        DataError: data or a checkpoint that cannot be used.
        PluginError: a component that is needed is broken.
    """
    device = pick_device(config.device)
    check_precision(config.precision, device)
    data = open_evaluated(config, host)
    dataset, name = data.dataset, data.name
    modality = modality_of(dataset)
    view = cast("ImageDataset", dataset).view if modality == "image" else None
    metrics = choose_metrics(config, host, modality, view.shape if view else None)
    ids = select_ids(len(dataset.labels), limit=config.limit, indices=Path(config.indices) if config.indices else None)
    conditions = _conditions(config, host, data, metrics)
    _check_conditions(conditions, host, device, modality)
    models = prepare_models(config, host, dataset, device)
    _check_labels(dataset, ids, models)
    metrics = _bound(metrics, models)
    fingerprint, clean = data.fingerprints(ids)
    if data.stored is not None:
        conditions = seal(conditions, data.stored, ids, verify=config.verify)
    models = {model.name: _about_data(model, dataset, ids, clean) for model in models.values()}
    common = {"dataset": fingerprint, **_common(config, device, view, ids)}
    identities = {name: model.identity for name, model in models.items()}
    return Plan(
        config=config,
        device=device,
        models=models,
        data=data,
        modality=modality,
        dataset_name=name,
        ids=ids,
        chunks=split_chunks(ids),
        conditions=conditions,
        cells=expand_cells(identities, conditions, config.seed, common),
        metrics=metrics,
        identity={
            "settings": _settings(config),
            "models": identities,
            "versions": {condition.text: condition.versions for condition in conditions},
            **common,
        },
    )


def add_metrics(plan: Plan, before: Sequence[str], host: Host) -> Plan:
    """Return the plan of a run that goes on: with the metrics that it had, ahead of those that are new.

    Args:
        plan: of what is asked for now.
        before: the metrics of the run, as its configuration has them.
        host: where they are found.

    Raises:
        ConfigError: one of them is not there any more.
        PluginError: one of them is broken.
    """
    now = plan.config.metric or (DEFAULT,)
    if set(before) <= set(now):
        return plan
    config = replace(plan.config, metric=tuple(dict.fromkeys([*before, *now])))
    shape = cast("ImageDataset", plan.dataset).view.shape if plan.modality == "image" else None
    return replace(plan, config=config, metrics=_bound(choose_metrics(config, host, plan.modality, shape), plan.models))


def _bound(metrics: Mapping[str, ChosenMetric], models: Mapping[str, PreparedModel]) -> dict[str, ChosenMetric]:
    """Return the metrics with their second models, after a look whether the models have what they need."""
    bound = bind_references(metrics, models)
    for model in models.values():
        layers_of(bound, model.classifier)
    return bound


def _conditions(
    config: RunConfig, host: Host, data: EvaluatedData, metrics: Mapping[str, ChosenMetric]
) -> list[Condition]:
    """Return what is done to the data, or what was done to them before they were stored."""
    shape = cast("ImageDataset", data.dataset).view.shape if modality_of(data.dataset) == "image" else None
    if data.stored is None:
        return expand_conditions(config, host, shape)
    stored = choose_stored(config, host, data.stored)
    if data.has_clean:
        return [*expand_conditions(replace(config, perturbation=()), host, shape), *stored]
    wanting = [f"attack '{each['name']}'" for each in config.attack]
    wanting += [f"metric '{name}'" for name, metric in metrics.items() if metric.needs_clean]
    if wanting:
        raise ConfigError(
            f"{wanting[0]} needs the clean images that {data.stored.root} was made of", "name them with --clean"
        )
    return stored


def _check_conditions(conditions: Sequence[Condition], host: Host, device: torch.device, modality: Modality) -> None:
    """Build each component once: what cannot be built or computed is better known now than after the first cells."""
    for condition in conditions:
        if condition.entry is None:
            continue
        host.build(condition.entry, condition.params)
        if condition.search is not None:
            check_precision(condition.search, device, f"{condition.component}: search={condition.search}")
        if modality == "text":
            aimed_rate(condition)


def _common(config: RunConfig, device: torch.device, view: View | None, ids: NDArray[np.int64]) -> dict[str, Any]:
    """Return what decides the numbers of every cell, besides the data."""
    return {
        "view": asdict(view) if view else None,
        "samples": hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest(),
        "precision": config.precision,
        "memory_format": "contiguous",
        # CPU and CUDA round differently; a cell must not mix them.
        "backend": f"torch-{device.type}",
    }


def _settings(config: RunConfig) -> Any:
    """Return the settings that decide the numbers, as JSON gives them back."""
    return _plain({key: value for key, value in as_dict(config).items() if key not in (*RUNTIME_ONLY, "metric")})


def _about_data(
    model: PreparedModel, dataset: ImageDataset | TextDataset, ids: NDArray[np.int64], fingerprint: str
) -> PreparedModel:
    """Return a model with what is to be said of it on these data."""
    seen = seen_before(model.name, model.report["training"], fingerprint)
    return _with_truncation(replace(model, notes=(*seen, *model.notes)), dataset, ids)


def _with_truncation(
    model: PreparedModel, dataset: ImageDataset | TextDataset, ids: NDArray[np.int64]
) -> PreparedModel:
    """Return a model of texts with a count of those that it does not read to the end."""
    if not isinstance(model.classifier, TextClassifier):
        return model
    limit = model.classifier.net.max_length
    cut = model.classifier.truncated(cast("TextDataset", dataset).read(ids))
    note = f"model '{model.name}' reads {limit} characters: {cut} of {len(ids)} texts are longer"
    return replace(
        model,
        report={**model.report, "max_length": limit, "truncated": cut},
        notes=(*model.notes, note) if cut else model.notes,
    )


def _check_labels(
    dataset: ImageDataset | TextDataset, ids: NDArray[np.int64], models: Mapping[str, PreparedModel]
) -> None:
    for name, model in models.items():
        labels = model.translate(torch.from_numpy(dataset.labels[ids].astype(np.int64))).cpu().numpy()
        outside = (labels < 0) | (labels >= model.classes)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise DataError(
                f"model '{name}' has {model.classes} classes, but {int(outside.sum())} label(s) lie outside "
                f"0..{model.classes - 1}: id {int(ids[first])} has label {int(labels[first])}",
                "is this the data that the model was trained for? labels count from 0",
            )


def _plain(value: Any) -> Any:
    """Return the value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
