"""Recognising and opening a stored -C set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robustkit.engine.data.stored.arrays import StoredArrays
from robustkit.engine.data.stored.folders import StoredFolders
from robustkit.engine.data.stored.manifest import SetManifest, read_set_manifest
from robustkit.engine.data.stored.parts import PUBLISHED, Parts, find_arrays, find_folders, find_severities
from robustkit.engine.data.stored.stored_set import StoredSet
from robustkit.errors import DataError


def is_stored_set(path: Path) -> bool:
    """Return whether a path is a folder laid out as CIFAR-10-C or ImageNet-C.

    It is where the layout fits and a corruption has a published name, or a manifest of `robustkit corrupt` is there.
    """
    return open_stored_set(path) is not None


def open_stored_set(path: Path) -> StoredSet[Any] | None:
    """Return the stored -C set in a folder, or None where there is none; no image is read yet.

    Raises:
        DataError: it is one, but it was not finished, its manifest is damaged, or labels do not fit; or it is a part of
            one.
    """
    if not path.is_dir():
        return None
    manifest = read_set_manifest(path)
    if parts := _known(find_arrays(path), manifest):
        return StoredArrays(path, parts, manifest)
    if parts := _known(find_folders(path), manifest):
        return StoredFolders(path, parts, manifest)
    _refuse_one_corruption(path if path.name else path.absolute())
    return None


def _refuse_one_corruption(path: Path) -> None:
    if path.name in PUBLISHED and find_severities(path):
        raise DataError(
            f"{path}: expected a whole -C set, got its corruption {path.name} alone",
            f"give the folder of the set, such as {path.parent}, and choose with -p {path.name}",
        )


def _known(parts: Parts, manifest: SetManifest | None) -> Parts:
    return parts if manifest is not None or PUBLISHED & set(parts) else {}
