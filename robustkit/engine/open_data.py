"""From a configuration to labelled data: a path that exists, or a registered dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robustkit.components import View
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.data import apply_view, dataset_name, has_split, is_table, open_layout, open_table, parse_view
from robustkit.engine.inputs import modality_of
from robustkit.errors import ConfigError, PluginError
from robustkit.host import Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import parse_params
from robustkit.protocols import ImageDataset, TextDataset


class DataConfig(Protocol):
    """The entries of a configuration that name the data."""

    @property
    def data(self) -> str:
        """A path or the name of a registered dataset."""
        ...

    @property
    def split(self) -> str:
        """Which part of the data."""
        ...

    @property
    def view(self) -> str:
        """Resize and crop of images."""
        ...

    @property
    def text_column(self) -> str:
        """The column of a table that holds the texts."""
        ...

    @property
    def label_column(self) -> str:
        """The column of a table that holds the labels."""
        ...


def open_data(config: DataConfig, host: Host, *, split: str = "test") -> tuple[ImageDataset | TextDataset, str]:
    """Return the dataset and its name; a path that exists comes before a registered name.

    Args:
        config: what names the data.
        host: where registered datasets are found.
        split: the part that is meant where the configuration names none.

    Raises:
        ConfigError: neither a path nor a registered dataset, or options that do not go with the data.
        DataError: the path holds nothing that can be read.
    """
    path = Path(os.path.expanduser(config.data))  # noqa: PTH111 - leaves ~unknown as it is
    if path.exists():
        opened = _open_path(path, config, config.split or split)
        if config.split and not has_split(path, config.split):
            raise ConfigError(
                f"'{config.data}' is not divided into parts: '{config.split}' cannot be chosen",
                "leave the split out: such data are taken as they are",
            )
        return opened
    raw = parse_shorthand(config.data)
    try:
        entry = host.catalog.find("dataset", raw.pop("name"))
    except ConfigError as error:
        if "/" in config.data or path.suffix:
            # It looks like a path: the layout's own message knows the siblings.
            open_layout(path, split=config.split or split)
        raise ConfigError(f"--data: '{config.data}' is neither a path nor a registered dataset", error.hint) from None
    _refuse_columns(config, entry.qualified)
    declared = entry.component.params.__dataclass_fields__  # type: ignore[attr-defined]
    if config.split or (split != "test" and "split" in declared):
        # A dataset without such a parameter refuses it, rather than hand out something else than was asked for.
        raw.setdefault("split", config.split or split)
    params = parse_params(entry, raw)
    dataset = host.build(entry, params)
    check_dataset(dataset, entry.qualified)
    return _viewed(dataset, config), canonical_name(entry, params)


def _open_path(path: Path, config: DataConfig, split: str) -> tuple[ImageDataset | TextDataset, str]:
    table_path = _table_of_split(path, split)
    if is_table(table_path):
        table = open_table(table_path, text_column=config.text_column, label_column=config.label_column)
        return _viewed(table, config), dataset_name(table_path, split)
    _refuse_columns(config, str(path))
    view = parse_view(config.view) if config.view else None
    return open_layout(path, split=split, view=view), dataset_name(path, split)


def _table_of_split(path: Path, split: str) -> Path:
    """Return `SPLIT.tsv` or `SPLIT.csv` in a folder that has one, and any other path as it is."""
    found = [path / f"{split}{suffix}" for suffix in (".tsv", ".csv") if (path / f"{split}{suffix}").is_file()]
    return found[0] if found else path


def _viewed(dataset: Any, config: DataConfig) -> ImageDataset | TextDataset:
    if not config.view:
        return dataset  # type: ignore[no-any-return]
    if modality_of(dataset) == "text":
        raise ConfigError(f"--view is for images, '{config.data}' holds texts", "leave it out")
    return apply_view(dataset, parse_view(config.view))


def _refuse_columns(config: DataConfig, name: str) -> None:
    if config.text_column or config.label_column:
        raise ConfigError(
            f"--text-column and --label-column are for tables of texts, '{name}' is none", "name a .tsv or .csv file"
        )


def check_dataset(dataset: Any, name: str) -> None:
    """Raise PluginError where a plugin's dataset is neither an `ImageDataset` nor a `TextDataset`."""
    labels, view = getattr(dataset, "labels", None), getattr(dataset, "view", None)
    wrong = ""
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        wrong = f"labels must be a non-empty (n,) array of integers, got {labels!r:.60}"
    elif hasattr(dataset, "view") and not isinstance(view, View):
        wrong = f"view must be a robustkit.View, got {view!r:.60}"
    elif not all(callable(getattr(dataset, method, None)) for method in ("read", "fingerprint")):
        wrong = "it must have the methods read and fingerprint"
    if wrong:
        raise PluginError(f"dataset '{name}': {wrong}", "robustkit.testing.check_dataset shows what a dataset must do")
