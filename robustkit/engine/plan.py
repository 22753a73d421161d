"""From a configuration to everything that a run needs, with every mistake found before anything is computed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from robustkit.components import Metric, View
from robustkit.config import RunConfig
from robustkit.config.schema import RUNTIME_ONLY, as_dict
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.data import apply_view, check_pixels, dataset_name, open_layout, parse_view, select_ids
from robustkit.engine.device import check_precision, pick_device
from robustkit.engine.grid import Cell, Condition, expand_cells, expand_conditions, split_chunks
from robustkit.engine.prepare_model import PreparedModel, prepare_models
from robustkit.errors import ConfigError, DataError, PluginError, RobustkitError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import parse_params
from robustkit.protocols import ImageDataset, RecordMetric


@dataclass(frozen=True, kw_only=True)
class ChosenMetric:
    """A metric of a run: its declaration and its implementation."""

    entry: Entry
    compute: RecordMetric


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that is ready to start.

    Attributes:
        config: what was asked for.
        device: what computes.
        models: by name, in the order of the configuration.
        dataset: the data.
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
    dataset: ImageDataset
    dataset_name: str
    ids: NDArray[np.int64]
    chunks: list[NDArray[np.int64]]
    conditions: list[Condition]
    cells: list[Cell]
    metrics: Mapping[str, ChosenMetric]
    identity: Mapping[str, Any]


def make_plan(config: RunConfig, host: Host) -> Plan:
    """Return the plan of a run; cheap mistakes are found first.

    Raises:
        ConfigError: a wrong name, parameter, device or file.
        DataError: data or a checkpoint that cannot be used.
        PluginError: a component that is needed is broken.
    """
    device = pick_device(config.device)
    check_precision(config.precision, device)
    metrics = choose_metrics(config, host)
    dataset, name = open_data(config, host)
    ids = select_ids(len(dataset.labels), limit=config.limit, indices=Path(config.indices) if config.indices else None)
    conditions = expand_conditions(config, host, dataset.view.shape)
    models = prepare_models(config, host, dataset.view.shape, device)
    _check_labels(dataset, ids, models)
    common = {
        "dataset": _read_all(dataset, ids, name),
        "view": asdict(dataset.view),
        "samples": hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest(),
        "precision": config.precision,
        "memory_format": "contiguous",
        # CPU and CUDA round differently; a cell must not mix them.
        "backend": f"torch-{device.type}",
    }
    identities = {name: model.identity for name, model in models.items()}
    settings = {key: value for key, value in as_dict(config).items() if key not in (*RUNTIME_ONLY, "metric")}
    cells = expand_cells(identities, conditions, config.seed, common)
    return Plan(
        config=config,
        device=device,
        models=models,
        dataset=dataset,
        dataset_name=name,
        ids=ids,
        chunks=split_chunks(ids),
        conditions=conditions,
        cells=cells,
        metrics=metrics,
        identity={
            "settings": _plain(settings),
            "models": identities,
            "versions": {condition.text: condition.versions for condition in conditions},
            **common,
        },
    )


def open_data(config: RunConfig, host: Host) -> tuple[ImageDataset, str]:
    """Return the dataset and its name; a path that exists comes before a registered name.

    Raises:
        ConfigError: neither a path nor a registered dataset.
        DataError: the path holds nothing that can be read.
    """
    view = parse_view(config.view) if config.view else None
    path = Path(os.path.expanduser(config.data))  # noqa: PTH111 - leaves ~unknown as it is
    split = config.split or "test"
    if path.exists():
        return open_layout(path, split=split, view=view), dataset_name(path, split)
    raw = parse_shorthand(config.data)
    try:
        entry = host.catalog.find("dataset", raw.pop("name"))
    except ConfigError as error:
        if "/" in config.data or path.suffix:
            # It looks like a path: the layout's own message knows the siblings.
            open_layout(path, split=split, view=view)
        raise ConfigError(f"--data: '{config.data}' is neither a path nor a registered dataset", error.hint) from None
    if config.split:
        # A dataset without such a parameter refuses it, rather than hand out something else than was asked for.
        raw.setdefault("split", config.split)
    params = parse_params(entry, raw)
    dataset = host.build(entry, params)
    _check_dataset(dataset, entry.qualified)
    return apply_view(dataset, view), canonical_name(entry, params)


def _read_all(dataset: ImageDataset, ids: NDArray[np.int64], name: str) -> str:
    """Check the pixels that will be used and return the dataset's fingerprint."""
    try:
        check_pixels(dataset, ids)
        return dataset.fingerprint()
    except RobustkitError:
        raise
    except Exception as error:
        raise DataError(
            f"dataset '{name}' cannot be read: {type(error).__name__}: {error}", "mend the dataset"
        ) from error


def _check_dataset(dataset: Any, name: str) -> None:
    """Raise PluginError where a plugin's dataset is not what `ImageDataset` says."""
    labels, view = getattr(dataset, "labels", None), getattr(dataset, "view", None)
    wrong = ""
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        wrong = f"labels must be a non-empty (n,) array of integers, got {labels!r:.60}"
    elif not isinstance(view, View):
        wrong = f"view must be a robustkit.View, got {view!r:.60}"
    elif not all(callable(getattr(dataset, method, None)) for method in ("read", "fingerprint")):
        wrong = "it must have the methods read and fingerprint"
    if wrong:
        raise PluginError(f"dataset '{name}': {wrong}", "robustkit.testing.check_dataset shows what a dataset must do")


def choose_metrics(config: RunConfig, host: Host) -> dict[str, ChosenMetric]:
    """Return the metrics of a run by name; without a choice, the first-party default ones.

    Raises:
        ConfigError: an unknown name or parameter, or a metric that needs more than stored records.
    """
    names = config.metric or tuple(
        entry.qualified
        for entry in host.catalog.all("metric")
        if entry.first_party and cast("Metric", entry.component).default
    )
    chosen = {}
    for name in names:
        raw = parse_shorthand(name)
        entry = host.catalog.find("metric", raw.pop("name"))
        missing = sorted(cast("Metric", entry.component).needs - {"records"})
        if missing:
            raise ConfigError(
                f"metric '{entry.qualified}' needs {', '.join(missing)}, which this robustkit cannot give",
                "update robustkit, or leave the metric out",
            )
        params = parse_params(entry, raw)
        text = canonical_name(entry, params) if raw else entry.qualified
        chosen[text] = ChosenMetric(entry=entry, compute=host.build(entry, params))
    if not chosen:
        raise ConfigError("there is no metric to compute", "leave out --no-plugin metrics, or name one with --metric")
    return chosen


def _check_labels(dataset: ImageDataset, ids: NDArray[np.int64], models: Mapping[str, PreparedModel]) -> None:
    labels = dataset.labels[ids]
    for name, model in models.items():
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
