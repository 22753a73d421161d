"""From a configuration to everything that writing a set needs, with every mistake found before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from robustkit.config.corrupting import CorruptConfig
from robustkit.engine.corrupt.file_names import FileNames, file_names
from robustkit.engine.data import ImageFolder, select_ids
from robustkit.engine.data.stored import SEVERITIES
from robustkit.engine.device import pick_device
from robustkit.engine.grid import Condition, expand_perturbations
from robustkit.engine.inputs import modality_of, read_fingerprint
from robustkit.engine.open_data import open_data
from robustkit.errors import ConfigError
from robustkit.host import Host
from robustkit.protocols import ImageDataset

Layout = Literal["npy", "folder"]
_CHANNELS: Mapping[Layout, tuple[int, ...]] = {"npy": (1, 3, 4), "folder": (1, 3)}


@dataclass(frozen=True, kw_only=True)
class CorruptionPlan:
    """A set that is ready to be written.

    Attributes:
        config: what was asked for.
        device: what computes.
        dataset: the images.
        dataset_name: how they are called.
        fingerprint: theirs.
        ids: (n,) the samples, in the order in which the set is read.
        layout: of the set.
        names: of the files in the folder layout; None for arrays.
        parts: by name, as files and folders call it, the conditions by severity.
        built: by canonical string, the implementation of a condition.
        notes: what the user should know.
    """

    config: CorruptConfig
    device: torch.device
    dataset: ImageDataset
    dataset_name: str
    fingerprint: str
    ids: NDArray[np.int64]
    layout: Layout
    names: FileNames | None
    parts: Mapping[str, Mapping[int, Condition]]
    built: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def conditions(self) -> list[Condition]:
        """All conditions, part by part."""
        return [condition for severities in self.parts.values() for condition in severities.values()]

    @property
    def total(self) -> int:
        """How many images the set has."""
        return len(self.conditions) * len(self.ids)

    @property
    def bytes_of_part(self) -> int:
        """How many bytes of pixels a corruption at all its severities has in the `.npy` layout."""
        return SEVERITIES * len(self.ids) * int(np.prod(self.dataset.view.shape))

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides what is written; a resumed set must have the same."""
        return {
            "data": self.fingerprint,
            "samples": hashlib.sha256(self.ids.astype("<i8").tobytes()).hexdigest(),
            "conditions": {condition.text: condition.versions for condition in self.conditions},
            "seed": self.config.seed,
            "layout": self.layout,
            "jpeg": self.config.jpeg,
            # CPU and CUDA round differently; a set must not mix them.
            "backend": f"torch-{self.device.type}",
        }


def plan_corruption(config: CorruptConfig, host: Host) -> CorruptionPlan:
    """Return the plan of a set.

    Raises:
        ConfigError: a wrong name, parameter or device, or a severity that the layout cannot hold.
        DataError: data that cannot be used.
        PluginError: a perturbation is broken, or lacks files that it needs.
    """
    device = pick_device(config.device)
    opened, name = open_data(config, host)
    if modality_of(opened) != "image":
        raise ConfigError(f"--data: '{config.data}' holds texts", "only images are stored as a -C set")
    dataset = cast("ImageDataset", opened)
    layout: Layout = config.layout if config.layout != "auto" else "folder" if _is_folder(dataset) else "npy"
    _check_form(config, layout, dataset)
    ids = select_ids(len(dataset.labels), limit=config.limit, indices=None)
    conditions = expand_perturbations(config.perturbation, host, dataset.view.shape)
    parts = _parts(conditions)
    _check_severities(parts, layout)
    _check_storage(conditions, config.jpeg)
    built = {each.text: host.build(each.entry, each.params) for each in conditions if each.entry is not None}
    names = file_names(dataset, ids, jpeg=config.jpeg > 0) if layout == "folder" else None
    fingerprint = read_fingerprint(dataset, ids, name)
    return CorruptionPlan(
        config=config,
        device=device,
        dataset=dataset,
        dataset_name=name,
        fingerprint=fingerprint,
        ids=ids if names is None else names.ids,
        layout=layout,
        names=names,
        parts=parts,
        built=built,
        notes=_notes(dataset, conditions),
    )


def _is_folder(dataset: ImageDataset) -> bool:
    return isinstance(dataset, ImageFolder)


def _check_form(config: CorruptConfig, layout: Layout, dataset: ImageDataset) -> None:
    if config.jpeg and layout == "npy":
        raise ConfigError(
            f"--jpeg {config.jpeg} is for image files, and arrays hold pixels",
            f"choose --layout folder, or store the pixels of such files: -p …:storage_jpeg={config.jpeg}",
        )
    channels = dataset.view.channels
    if channels not in _CHANNELS[layout]:
        known = ", ".join(map(str, _CHANNELS[layout]))
        raise ConfigError(f"--layout {layout} holds images of {known} channels, these have {channels}", "choose others")


def _parts(conditions: Sequence[Condition]) -> dict[str, dict[int, Condition]]:
    """Return the conditions by the name of their file or folder, which has no place for anything but a severity."""
    parts: dict[str, dict[int, Condition]] = {}
    for condition in conditions:
        assert condition.entry is not None
        assert condition.severity is not None
        severities = parts.setdefault(condition.entry.component.name.replace("-", "_"), {})
        severity = int(condition.severity)
        if condition.severity != severity or severity < 1:
            raise ConfigError(
                f"{condition.component}: a set holds whole severities from 1, got {condition.severity:g}",
                "for example severity=1..5",
            )
        others = [each for each in severities.values() if _rest(each) != _rest(condition)]
        if others:
            raise ConfigError(
                f"a set holds each corruption once, but these differ in more than their severity: "
                f"{others[0].text} and {condition.text}",
                "write them into two folders",
            )
        severities[severity] = condition
    return {name: dict(sorted(severities.items())) for name, severities in parts.items()}


def _rest(condition: Condition) -> tuple[str, Any]:
    return condition.component, condition.params


def _check_severities(parts: Mapping[str, Mapping[int, Condition]], layout: Layout) -> None:
    every = list(range(1, SEVERITIES + 1))
    for name, severities in parts.items():
        if layout == "npy" and list(severities) != every:
            raise ConfigError(
                f"--layout npy holds the severities 1 to {SEVERITIES} in one array, got "
                f"{', '.join(map(str, severities))} for {name}",
                f"give severity=1..{SEVERITIES}, or choose --layout folder",
            )


def _check_storage(conditions: Sequence[Condition], jpeg: int) -> None:
    twice = [each.text for each in conditions if jpeg and getattr(each.params, "storage_jpeg", 0)]
    if twice:
        raise ConfigError(f"--jpeg {jpeg} would compress twice: {twice[0]}", "leave out --jpeg or storage_jpeg")


def _notes(dataset: ImageDataset, conditions: Sequence[Condition]) -> tuple[str, ...]:
    said = {c.component: c.entry.component.caveat for c in conditions if c.entry is not None}
    notes = [f"{name}: {caveat}" for name, caveat in said.items() if caveat]
    if dataset.read(np.arange(1)).dtype != np.uint8:
        notes.append("the images are floats: they are rounded to whole levels of 255 before they are corrupted")
    return tuple(notes)
