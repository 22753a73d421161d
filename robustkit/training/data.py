"""The data of a training: samples to train on, samples to select by, and what the model must know about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Modality
from robustkit.config.training import TrainConfig
from robustkit.engine.data import select_ids
from robustkit.engine.inputs import modality_of, read_fingerprint
from robustkit.engine.open_data import open_data
from robustkit.errors import ConfigError, DataError
from robustkit.host import Host
from robustkit.protocols import ImageDataset, TextDataset
from robustkit.training.batches import split_ids

Dataset = ImageDataset | TextDataset


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What is trained on and what is validated on.

    Attributes:
        dataset: with the samples to train on.
        name: how manifests call it.
        ids: of the samples to train on, ascending.
        validation: with the samples to validate on; `dataset` itself unless another split was named.
        validation_name: how manifests call it.
        validation_ids: of the samples to validate on, ascending.
        modality: what the data are.
        classes: how many there are.
        class_names: of the classes, or none if they are unknown.
        fingerprints: of both datasets.
    """

    dataset: Dataset
    name: str
    ids: NDArray[np.int64]
    validation: Dataset
    validation_name: str
    validation_ids: NDArray[np.int64]
    modality: Modality
    classes: int
    class_names: tuple[str, ...]
    fingerprints: tuple[str, str]

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(C, H, W) of images; None for texts."""
        return None if self.modality == "text" else cast("ImageDataset", self.dataset).view.shape

    @property
    def offered(self) -> dict[str, Any]:
        """What an architecture's parameters may take from the data, by their usual names."""
        if self.shape is None:
            return {"num_classes": self.classes}
        return {"num_classes": self.classes, "in_channels": self.shape[0], "in_shape": self.shape}

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides the samples."""
        view = cast("ImageDataset", self.dataset).view if self.modality == "image" else None
        return {
            "dataset": self.fingerprints[0],
            "samples": _digest(self.ids),
            "validation": self.fingerprints[1],
            "validation_samples": _digest(self.validation_ids),
            "view": asdict(view) if view else None,
        }


def open_training_data(config: TrainConfig, host: Host) -> TrainingData:
    """Return the data of a training, checked.

    Raises:
        ConfigError: data that are not known, or options that do not go with them.
        DataError: data that cannot be read, have wrong labels, or are too few.
    """
    dataset, name = open_data(config, host, split="train")
    ids = select_ids(len(dataset.labels), limit=config.limit, indices=None)
    if config.validation_split:
        validation, validation_name = _other_split(config, host, dataset, name)
        validation_ids = np.arange(len(validation.labels), dtype=np.int64)
    else:
        validation, validation_name = dataset, name
        ids, validation_ids = split_ids(ids, config.validation, config.seed)
    _check_sizes(config, len(ids), len(validation_ids))
    fingerprints = (read_fingerprint(dataset, ids, name), read_fingerprint(validation, validation_ids, validation_name))
    return TrainingData(
        dataset=dataset,
        name=name,
        ids=ids,
        validation=validation,
        validation_name=validation_name,
        validation_ids=validation_ids,
        modality=modality_of(dataset),
        classes=_count_classes(dataset, validation, name),
        class_names=tuple(str(each) for each in dataset.class_names),
        fingerprints=fingerprints,
    )


def _other_split(config: TrainConfig, host: Host, dataset: Dataset, name: str) -> tuple[Dataset, str]:
    validation, other = open_data(replace(config, split=config.validation_split), host)
    if validation.fingerprint() == dataset.fingerprint():
        raise ConfigError(
            f"--validation-split {config.validation_split} of '{config.data}' is what is trained on",
            "name another split, or leave it out to hold out a share",
        )
    if [str(each) for each in validation.class_names] != [str(each) for each in dataset.class_names]:
        raise DataError(f"'{other}' and '{name}' name their classes differently", "the same class needs the same name")
    if getattr(validation, "view", None) != getattr(dataset, "view", None):
        raise DataError(f"the images of '{other}' and '{name}' differ in shape", "give both one --view")
    return validation, other


def _check_sizes(config: TrainConfig, train: int, validation: int) -> None:
    if not validation:
        raise DataError(
            f"--validation {config.validation:g} holds out none of {train} samples: nothing to select an epoch by",
            "give a larger share, more data, or --validation-split NAME",
        )
    if train < config.batch_size:
        raise DataError(
            f"expected at least one batch of {config.batch_size} samples to train on, got {train} "
            f"({validation} are for validation)",
            f"give --batch-size {train} or less, or more data" if train else "give a smaller --validation or more data",
        )


def _count_classes(dataset: Dataset, validation: Dataset, name: str) -> int:
    labels = np.concatenate([dataset.labels, validation.labels])
    if labels.min() < 0:
        raise DataError(f"'{name}' has the label {labels.min()}", "labels count from 0; leave unlabelled samples out")
    classes = max(int(labels.max()) + 1, len(dataset.class_names))
    if classes < 2:
        raise DataError(f"'{name}' has one class only", "a classifier needs two or more")
    return classes


def _digest(ids: NDArray[np.int64]) -> str:
    return hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest()
