"""The manifest beside a set that `robustkit corrupt` wrote: what is in it, and digests of its files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.reading import is_visible, reading
from robustkit.errors import DataError

MANIFEST = "manifest.json"
KIND = "corrupted set"
SCHEMA = 1
SMALL = 256 * 2**20
"""Bytes of a part that is read and compared with its digest without being asked to: robustkit's choice."""

_QUALIFIED = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_AGAIN = "the manifest was changed by hand or is damaged: write the set again"


@dataclass(frozen=True, kw_only=True)
class SetManifest:
    """What the manifest of a written set says.

    Attributes:
        folder: of the set.
        parts: by file or folder, relative to the set: `component`, `conditions` (by severity, the canonical strings),
            `bytes`, `files`, `sha256`.
        seed: that all conditions were drawn with.
        jpeg: quality of the files; None where they are no JPEG files.
        dataset: `name`, `fingerprint` and `n` of the data that were corrupted.
        ids: (n,) for each sample of the set its id in those data; None where they are the same.
    """

    folder: Path
    parts: Mapping[str, Mapping[str, Any]]
    seed: int
    jpeg: int | None
    dataset: Mapping[str, Any]
    ids: NDArray[np.int64] | None

    def component(self, key: str) -> str:
        """Return the qualified name of the perturbation that made a part; empty for a part that is not listed."""
        return str(self.parts[key]["component"]) if key in self.parts else ""

    def condition(self, key: str, severity: int) -> str:
        """Return the canonical string of the condition that a part was generated under; empty if none is stated."""
        return str(self.parts.get(key, {}).get("conditions", {}).get(str(severity), ""))

    def check_listed(self, key: str) -> None:
        """Raise DataError unless the manifest lists a part."""
        if key not in self.parts:
            what = f"{self.folder / key}: expected only parts that {MANIFEST} lists"
            raise DataError(what, "remove it, or remove the manifest")

    def check_there(self) -> None:
        """Raise DataError unless all parts are there that the manifest lists."""
        for key in self.parts:
            if not (self.folder / key).exists():
                raise DataError(
                    f"{self.folder}: {MANIFEST} lists {key}, which is not there",
                    "copy or write it again, or choose with -p among what is there",
                )

    def verify(self, key: str, *, thorough: bool) -> None:
        """Raise unless a part is what was written: its size, and where it is small or `thorough`, its digest.

        Raises:
            DataError: it is not, or the manifest does not list it.
        """
        self.check_listed(key)
        path, written = self.folder / key, self.parts[key]
        found = path.stat().st_size if path.is_file() else written["bytes"]
        if found != written["bytes"]:
            raise DataError(
                f"{path}: expected {written['bytes']} bytes, as {MANIFEST} says, got {found}",
                "the file is truncated or is another: copy or write it again",
            )
        if not thorough and written["bytes"] > SMALL:
            return
        files = [path] if path.is_file() else folder_files(path)
        if len(files) != written["files"]:
            raise DataError(
                f"{path}: expected {written['files']} files, as {MANIFEST} says, got {len(files)}",
                "copy or write it again, or remove what is not of the set",
            )
        sha256 = file_digest(path) if path.is_file() else folder_digest(path, files)
        if sha256 != written["sha256"]:
            raise DataError(
                f"{path}: expected the sha256 {written['sha256'][:12]}…, as {MANIFEST} says, got {sha256[:12]}…",
                "its images were changed or damaged: copy them again, or remove them and repeat the command that wrote "
                "them with --resume",
            )


def file_digest(path: Path) -> str:
    """Return the sha256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    with reading(path, "a part of a stored set"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_files(folder: Path) -> list[Path]:
    """Return the files in a folder, at any depth, without hidden ones such as those of file managers."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if all(map(is_visible, path.relative_to(folder).parts))]


def folder_digest(folder: Path, files: Iterable[Path]) -> str:
    """Return the sha256 of what `sha256sum` prints of files in a folder, sorted by their relative paths.

    Raises:
        DataError: a file cannot be read.
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in files)
    return digest_of_lines((file_digest(folder / path), path) for path in paths)


def digest_of_lines(files: Iterable[tuple[str, str]]) -> str:
    r"""Return the sha256 of one line a file, `sha256, two spaces, path`.

    >>> digest_of_lines([("ab", "class/file.png")]) == hashlib.sha256(b"ab  class/file.png\n").hexdigest()
    True
    """
    digest = hashlib.sha256()
    for sha256, path in files:
        digest.update(f"{sha256}  {path}\n".encode())
    return digest.hexdigest()


def read_set_manifest(folder: Path) -> SetManifest | None:
    """Return the manifest of a set; None where there is none, or one of something else.

    Raises:
        DataError: it is damaged, of another version, or of a set that was not finished.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        stated = json.loads(path.read_text("utf8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}", _AGAIN) from error
    if not isinstance(stated, dict) or stated.get("kind") != KIND:
        return None
    if stated.get("set_schema") != SCHEMA:
        raise DataError(
            f"{path}: expected a set of schema {SCHEMA}, got {stated.get('set_schema')!r:.40}",
            "another robustkit version wrote it",
        )
    if stated.get("status") != "finished":
        raise DataError(
            f"{folder}: this set was not finished ({stated.get('status')!r:.40})",
            "repeat the command that wrote it with --resume",
        )
    try:
        return _parsed(folder, stated)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise DataError(f"{path} is not as robustkit writes it: {type(error).__name__}: {error}", _AGAIN) from error


def _parsed(folder: Path, stated: Mapping[str, Any]) -> SetManifest:
    parts = stated["parts"]
    for key, part in parts.items():
        # It becomes the name of a condition, and comes from a file of unknown origin.
        if not _QUALIFIED.fullmatch(part["component"]):
            raise ValueError(f"'{part['component']!r:.40}' is no component")
        kinds = {"bytes": int, "files": int, "sha256": str}
        if not all(isinstance(part[name], kind) for name, kind in kinds.items()):
            raise TypeError(f"the part {key!r:.40} has no size or no digest")
        part["conditions"].get("1")
    ids, n = stated["samples"]["ids"], stated["dataset"]["n"]
    if not isinstance(n, int) or not isinstance(stated["dataset"]["fingerprint"], str):
        raise TypeError("the dataset has no size or no fingerprint")
    if not (isinstance(stated["seed"], int) and isinstance(stated["jpeg"], int | None)):
        raise TypeError(f"the seed is {stated['seed']!r:.40}, and the quality {stated['jpeg']!r:.40}")
    if ids is not None and (len(ids) != stated["samples"]["n"] or {*map(type, ids)} != {int}):
        raise ValueError("there is not one whole number a sample among the ids")
    chosen = None if ids is None else np.array(ids, dtype=np.int64)
    if chosen is not None and (chosen.ndim != 1 or ((chosen < 0) | (chosen >= n)).any()):
        raise ValueError("sample ids lie outside the data")
    return SetManifest(
        folder=folder,
        parts=parts,
        seed=stated["seed"],
        jpeg=stated["jpeg"],
        dataset=dict(stated["dataset"]),
        ids=chosen,
    )
