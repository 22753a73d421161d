"""What an evaluation runs on: clean data, or a stored -C set with or without the clean data that it was made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from robustkit.config import RunConfig
from robustkit.engine.data import ChosenSamples, ImageFolder
from robustkit.engine.data.stored import StoredSet, open_stored_set
from robustkit.engine.grid import digest
from robustkit.engine.inputs import modality_of, read_fingerprint
from robustkit.engine.open_data import open_data
from robustkit.errors import ConfigError, DataError
from robustkit.host import Host
from robustkit.protocols import ImageDataset, TextDataset

_APART = "evaluate the clean data in a run of their own"


@dataclass(frozen=True, kw_only=True)
class EvaluatedData:
    """The data of a run.

    Attributes:
        dataset: the clean data; of a stored set without them its first part, for labels, classes and view.
        name: how tables call them.
        stored: the stored -C set whose parts are evaluated; None for data that are degraded in the run.
        has_clean: whether `dataset` is clean.
        notes: what the user should know of them.
    """

    dataset: ImageDataset | TextDataset
    name: str
    stored: StoredSet[Any] | None = None
    has_clean: bool = True
    notes: tuple[str, ...] = ()

    def fingerprints(self, ids: NDArray[np.int64]) -> tuple[str, str]:
        """Check the samples that will be used; return the fingerprint of all data, and of the clean data alone.

        Raises:
            DataError: a sample cannot be read or used.
        """
        clean = read_fingerprint(self.dataset, ids, self.name) if self.has_clean else ""
        if self.stored is None:
            return clean, clean
        return digest({"stored": self.stored.fingerprint(), "clean": clean}), clean


def open_evaluated(config: RunConfig, host: Host) -> EvaluatedData:
    """Return what a configuration's `data` and `clean` name.

    Raises:
        ConfigError: options that do not go with the data.
        DataError: data that cannot be used, or clean data that are not of the stored set's samples.
    """
    path = Path(os.path.expanduser(config.data))  # noqa: PTH111 - leaves ~unknown as it is
    stored = open_stored_set(path)
    if stored is None:
        _refuse(config, "clean", "verify", why="is for a stored -C set", hint="give the set with --data")
        dataset, name = open_data(config, host)
        return EvaluatedData(dataset=dataset, name=name)
    if config.verify and stored.manifest is None:
        raise ConfigError(f"--verify: {path} has no manifest.json to compare with", "the published sets have none")
    name = Path(os.path.abspath(path)).name  # noqa: PTH100 - a link keeps its name, '..' goes
    if not config.clean:
        hint = "stored images are taken as they are; --input-size resizes them for the model"
        _refuse(config, "view", "split", "text_column", "label_column", why="is for clean data", hint=hint)
        note = "there is no clean accuracy: --clean names the data that the stored images were made of"
        return EvaluatedData(dataset=stored.first, name=name, stored=stored, has_clean=False, notes=(note,))
    clean, _ = open_data(replace(config, data=config.clean), host)
    if modality_of(clean) != "image":
        raise ConfigError(
            f"--clean: '{config.clean}' holds texts, {path} images", "name the images that it was made of"
        )
    aligned, notes = _aligned(cast("ImageDataset", clean), stored, config.clean)
    return EvaluatedData(dataset=aligned, name=name, stored=stored, notes=notes)


def _refuse(config: RunConfig, *fields: str, why: str, hint: str) -> None:
    for field in fields:
        if getattr(config, field):
            raise ConfigError(f"--{field.replace('_', '-')} {why}; '{config.data}' is none", hint)


def _aligned(clean: ImageDataset, stored: StoredSet[Any], name: str) -> tuple[ImageDataset, tuple[str, ...]]:
    """Return the clean images of the stored samples, in their order, and what is to be said about them."""
    notes: tuple[str, ...] = ()
    manifest = stored.manifest
    if manifest is not None:
        if len(clean.labels) != manifest.dataset["n"]:
            raise DataError(
                f"--clean: expected the {manifest.dataset['n']} samples that {stored.root} was made of, "
                f"got {len(clean.labels)} in '{name}'",
                "name the same data and --split as then",
            )
        if clean.fingerprint() != manifest.dataset["fingerprint"]:
            notes = (
                f"the clean images in '{name}' are stored otherwise, or are others, than {stored.root} was made of",
            )
        if manifest.ids is not None:
            clean = ChosenSamples(clean, manifest.ids)
    for problem in _differences(clean, stored):
        raise DataError(f"--clean: '{name}' does not go with {stored.root}: {problem}", _APART)
    return clean, notes


def _differences(clean: ImageDataset, stored: StoredSet[Any]) -> Iterator[str]:
    """Yield why clean images are not those of the stored samples, one by one."""
    first = stored.first
    if len(clean.labels) != len(first.labels):
        yield f"expected {len(first.labels)} samples, got {len(clean.labels)}"
        return
    wrong = np.flatnonzero(clean.labels != first.labels)
    if len(wrong):
        yield f"expected the same labels, but {len(wrong)} differ, the first of sample {wrong[0]}"
    if clean.view.shape != first.view.shape:
        yield f"expected images of shape {first.view.shape}, got {clean.view.shape}; --view crops the clean ones"
    if isinstance(clean, ImageFolder) and isinstance(first, ImageFolder):
        pairs = zip(_file_names(clean), _file_names(first), strict=True)
        yield from (f"expected the file {theirs}, got {ours}" for ours, theirs in pairs if ours != theirs)


def _file_names(folder: ImageFolder) -> list[str]:
    """Return class and name of each file, without what is between them and without the suffix."""
    return [f"{path.partition('/')[0]}/{Path(path).stem}" for path in folder.paths]
