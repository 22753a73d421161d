"""The declarations of data, models and how they are trained, and of what reports are made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustkit.components.declaration import Component, Modality


@dataclass(frozen=True, kw_only=True)
class Trainer(Component):
    """A way to train a model. `target(params, model)` returns an `Objective` (see `robustkit.protocols`).

    Attributes:
        modality: the kind of inputs that it is for; None for any.
    """

    kind: ClassVar[str] = "trainer"

    modality: Modality | None = "image"


@dataclass(frozen=True, kw_only=True)
class Model(Component):
    """An architecture that a checkpoint may be loaded into.

    `target(params)` returns a `torch.nn.Module` that maps a normalised (N, C, H, W) batch to (N, classes) logits; for
    texts a `TextNetwork` (see `robustkit.protocols`).
    """

    kind: ClassVar[str] = "model"

    modality: Modality = "image"


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """Labelled data. `target(params)` returns an `ImageDataset` or a `TextDataset` (see `robustkit.protocols`).

    Attributes:
        modality: what it holds.
        licence: the licence of the data.
        source: where the data comes from.
    """

    kind: ClassVar[str] = "dataset"

    modality: Modality = "image"
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Reporter(Component):
    """Writes files from finished runs. `target(params)` returns a `ReportWriter` (see `robustkit.protocols`).

    Attributes:
        formats: the file formats that it writes.
    """

    kind: ClassVar[str] = "reporter"

    formats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Baseline(Component):
    """The errors of a known model, by which corruption errors are divided.

    `target(params)` returns the path of a table (see `robustkit.read_baseline`).
    """

    kind: ClassVar[str] = "baseline"
