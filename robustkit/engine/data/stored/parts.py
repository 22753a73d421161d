"""Finding the parts of a stored -C set by the names of its files and folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from robustkit.engine.data.array_names import find_pair
from robustkit.engine.data.reading import is_visible, reading, visible
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

_SEVERITY = re.compile(r"[1-9][0-9]?")


def find_arrays(root: Path) -> Parts:
    """Return the parts of a set in the layout of CIFAR-10-C, `fog.npy` and so on; empty if it is none."""
    names = [entry.stem for entry in visible(root) if entry.suffix == ".npy" and entry.name != LABELS]
    if find_pair([*names, "labels"], ""):
        return {}
    return {name: dict.fromkeys(range(1, SEVERITIES + 1), root / f"{name}.npy") for name in names}


def find_folders(root: Path) -> Parts:
    """Return the parts of a set in the layout of ImageNet-C: `[group/]fog/3/class/file`; empty if it is none.

    Raises:
        DataError: a corruption lies in two groups.
    """
    found: dict[str, dict[int, Path]] = {}
    for folder in _subfolders(root):
        corruptions = (
            [folder] if _severities(folder) else [below for below in _subfolders(folder) if _severities(below)]
        )
        for corruption in corruptions:
            if corruption.name in found:
                raise DataError(
                    f"{root}: expected each corruption once, but {corruption.name} is in two groups", "give one of them"
                )
            found[corruption.name] = _severities(corruption)
    return found


def _severities(folder: Path) -> dict[int, Path]:
    """Return the folders named by a number that hold folders, by that number."""
    numbered = [below for below in _subfolders(folder) if _SEVERITY.fullmatch(below.name)]
    return {int(below.name): below for below in numbered if next(_entries(below, folders=True), None)}


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where a file comes first, for that is a class with its images.

    A class may hold a million files, of which one is enough to see what it is.
    """
    found = []
    for entry in _entries(folder):
        if not entry.is_dir():
            if entry.name.endswith((".json", ".txt", ".md", ".tar")):
                continue
            return []
        found.append(Path(entry.path))
    return sorted(found)


def _entries(folder: Path, *, folders: bool = False) -> Iterator[os.DirEntry[str]]:
    with reading(folder, "a readable folder"), os.scandir(folder) as entries:
        for entry in entries:
            if is_visible(entry.name) and (entry.is_dir() or not folders):
                yield entry
