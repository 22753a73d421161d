"""Finding the parts of a stored -C set by the names of its files and folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from robustkit.engine.data.array_names import find_pair
from robustkit.engine.data.reading import holds, is_visible, reading, visible
from robustkit.errors import DataError

Parts = Mapping[str, Mapping[int, Path]]
"""By corruption, as its file or folder is called, and severity: where the images are."""

PUBLISHED = frozenset(
    {
        *("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "defocus_blur", "glass_blur"),
        *("motion_blur", "zoom_blur", "gaussian_blur", "snow", "frost", "fog", "brightness", "spatter", "contrast"),
        *("elastic_transform", "pixelate", "jpeg_compression", "saturate"),
    }
)
"""The names in CIFAR-10-C, Tiny-ImageNet-C and ImageNet-C (Hendrycks and Dietterich 2019)."""

LABELS = "labels.npy"
SEVERITIES = 5
"""How many severities one array of the `.npy` layout holds, one after the other."""

_MANY = 1000
"""Files by which a folder is a class and no corruption: a class may hold a million, which are not all looked at."""

_SEVERITY = re.compile(r"[1-9][0-9]?")


def find_arrays(root: Path) -> Parts:
    """Return the parts of a set in the layout of CIFAR-10-C, `fog.npy` and so on; empty if it is none.

    Raises:
        DataError: clean images lie among corruptions, and share their labels.
    """
    names = [entry.stem for entry in visible(root) if entry.suffix == ".npy" and entry.name != LABELS]
    if pair := find_pair([*names, "labels"], ""):
        found = sorted(PUBLISHED & set(names))
        if found and pair[1] == "labels":
            raise DataError(
                f"{root}: expected clean images or a -C set, got both {pair[0]}.npy and corruptions "
                f"({', '.join(found)})",
                f"move {pair[0]}.npy into a folder of its own, with its labels; --clean names it there",
            )
        return {}
    return {name: dict.fromkeys(range(1, SEVERITIES + 1), root / f"{name}.npy") for name in names}


def find_folders(root: Path) -> Parts:
    """Return the parts of a set in the layout of ImageNet-C: `[group/]fog/3/class/file`; empty if it is none.

    Raises:
        DataError: a corruption lies in two groups, or a severity of a published one is empty.
    """
    found: dict[str, dict[int, Path]] = {}
    for folder in _subfolders(root):
        below = _subfolders(folder)
        alone = _severities(folder, below)
        grouped = {} if alone else {each.name: severities for each in below if (severities := find_severities(each))}
        for name, severities in ({folder.name: alone} if alone else grouped).items():
            if name in found:
                raise DataError(
                    f"{root}: expected each corruption once, but {name} is in two groups", "give one of them"
                )
            found[name] = severities
    return found


def find_severities(folder: Path) -> dict[int, Path]:
    """Return the folders of a corruption's severities, by severity; empty if it is no corruption.

    Raises:
        DataError: it has a published name, and one of them is empty.
    """
    return _severities(folder, _subfolders(folder))


def _severities(folder: Path, subfolders: Sequence[Path]) -> dict[int, Path]:
    """Return the folders named by a number that hold folders, by that number."""
    numbered = [each for each in subfolders if _SEVERITY.fullmatch(each.name)]
    full = [each for each in numbered if next(_entries(each, folders=True), None)]
    empty = [each for each in numbered if each not in full]
    if full and empty and folder.name in PUBLISHED:
        raise DataError(
            f"{empty[0]}: expected folders of classes, as in {full[0].name}, but the folder {holds(empty[0])}",
            "extract or write it again, or remove it",
        )
    return {int(each.name): each for each in full}


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted, whatever else is there; none of one that holds files above all."""
    found, files = [], 0
    for entry in _entries(folder):
        if entry.is_dir():
            found.append(Path(entry.path))
            continue
        files += 1
        if files == _MANY:
            return []
    return sorted(found)


def _entries(folder: Path, *, folders: bool = False) -> Iterator[os.DirEntry[str]]:
    with reading(folder, "a readable folder"), os.scandir(folder) as entries:
        for entry in entries:
            if is_visible(entry.name) and (entry.is_dir() or not folders):
                yield entry
