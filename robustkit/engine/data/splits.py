"""Whether data at a path are a split of something."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robustkit.engine.data.array_names import find_pair, names_split
from robustkit.engine.data.idx import has_split as idx_has_split
from robustkit.engine.data.image_folder import split_folder
from robustkit.engine.data.reading import reading, visible

_FILES = (".npz", ".tsv", ".csv")
"""Of a folder with one file a split."""


def has_split(path: Path, split: str) -> bool:
    """Return whether data at a path are divided and have this split, or are themselves what is called so.

    Data that have no splits are opened as they are, whichever is asked for.

    Args:
        path: of data that can be opened with this split.
        split: the name.

    Raises:
        DataError: a file cannot be read, or the data are divided into others.
    """
    if path.is_dir():
        return path.absolute().name == split or _folder_has(path, split)
    return path.stem == split or idx_has_split([path], split) or _archive_has(path, split)


def _folder_has(folder: Path, split: str) -> bool:
    entries = visible(folder)
    if idx_has_split(entries, split) or any((folder / f"{split}{suffix}").is_file() for suffix in _FILES):
        return True
    pair = find_pair((entry.stem for entry in entries if entry.suffix == ".npy"), split)
    return names_split(pair, split) if pair else split_folder(folder, split) != folder


def _archive_has(path: Path, split: str) -> bool:
    if path.suffix != ".npz":
        return False
    with reading(path, "a .npz archive"), np.load(path, allow_pickle=False) as archive:
        return names_split(find_pair(archive.files, split), split)
