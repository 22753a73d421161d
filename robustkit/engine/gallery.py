"""What perturbations do to a few images, at several severities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.config import RunConfig
from robustkit.engine.data import check_pixels
from robustkit.engine.degrade import condition_keys, degrade_or_blame
from robustkit.engine.grid import Condition, expand_conditions
from robustkit.engine.inputs import modality_of, read_inputs
from robustkit.errors import ConfigError
from robustkit.host import Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import build
from robustkit.protocols import ImageDataset, TextDataset

Picture = NDArray[np.uint8]
"""(H, W, 3), red, green, blue."""


@dataclass(frozen=True, kw_only=True)
class GalleryRow:
    """One image under one perturbation.

    Attributes:
        perturbation: canonical name with parameters, without severity.
        sample: id of the image.
        label: name of its class, or its number where it has none.
        pictures: one a severity of the gallery; None for those that were not asked for.
    """

    perturbation: str
    sample: int
    label: str
    pictures: tuple[Picture | None, ...]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures in rows and columns.

    Attributes:
        severities: one a column, ascending from 0, which is the image as it is.
        rows: perturbation by perturbation, image by image.
    """

    severities: tuple[float, ...]
    rows: tuple[GalleryRow, ...]


def make_gallery(config: RunConfig, dataset: ImageDataset | TextDataset, ids: NDArray[np.int64], host: Host) -> Gallery:
    """Return the images as an evaluation under the first seed would give them to a model.

    Args:
        config: whose perturbations and seed are taken.
        dataset: the data.
        ids: of the images.
        host: where perturbations are found.

    Raises:
        ConfigError: the data are texts, a perturbation is unknown or its parameters are wrong.
        DataError: an image cannot be read.
        PluginError: a perturbation failed.
    """
    if modality_of(dataset) == "text":
        raise ConfigError("pictures are drawn of images, and these data are texts", "name images with --data")
    images_of = cast("ImageDataset", dataset)
    _check_channels(images_of.view.channels)
    conditions = [each for each in expand_conditions(config, host, images_of.view.shape) if each.entry is not None]
    implementations = {each.text: build(each.entry, each.params) for each in conditions if each.entry is not None}
    check_pixels(images_of, ids)
    images = cast("Tensor", read_inputs(images_of, ids, torch.device("cpu")))
    severities = tuple(sorted({0.0, *(each.severity or 0.0 for each in conditions)}))
    keys = torch.from_numpy(ids.copy())
    rows = []
    for name, members in _families(conditions).items():
        columns: dict[float, Sequence[Picture]] = {0.0: _pictures(images)}
        for each in members:
            columns[each.severity or 0.0] = _pictures(_apply(each, implementations[each.text], images, keys, config))
        rows += [
            GalleryRow(
                perturbation=name,
                sample=int(sample),
                label=_label(images_of, int(sample)),
                pictures=tuple(columns[level][place] if level in columns else None for level in severities),
            )
            for place, sample in enumerate(ids)
        ]
    return Gallery(severities=severities, rows=tuple(rows))


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise ConfigError(f"pictures have 1 or 3 channels, these images have {channels}", "name others with --data")


def _families(conditions: Sequence[Condition]) -> dict[str, list[Condition]]:
    found: dict[str, list[Condition]] = {}
    for each in conditions:
        if each.entry is not None:
            found.setdefault(canonical_name(each.entry, each.params), []).append(each)
    return found


def _apply(condition: Condition, implementation: Any, images: Tensor, ids: Tensor, config: RunConfig) -> Tensor:
    keys = condition_keys(condition, config.seed[0], ids)
    return cast("Tensor", degrade_or_blame(condition, implementation, images, keys).inputs)


def _pictures(images: Tensor) -> list[Picture]:
    levels = images if images.dtype == torch.uint8 else (images.to(torch.float64) * 255).round().to(torch.uint8)
    channels_last = levels.permute(0, 2, 3, 1).numpy()
    return list(np.broadcast_to(channels_last, (*channels_last.shape[:3], 3)))


def _label(dataset: ImageDataset, sample: int) -> str:
    names, index = list(dataset.class_names), int(dataset.labels[sample])
    return names[index] if index < len(names) else f"class {index}"
