"""Writes the layout of ImageNet-C: `corruption/severity/class/file`."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from robustkit.engine.corrupt.arrays import Told
from robustkit.engine.corrupt.file_names import FileNames
from robustkit.engine.corrupt.images import corrupt_images, read_levels
from robustkit.engine.corrupt.plan import CorruptionPlan
from robustkit.engine.corrupt.record import PartRecord, describe_part
from robustkit.engine.data.chunks import chunks
from robustkit.engine.grid import Condition
from robustkit.store import storage_error, write_atomically

_LAST_OF_PNG = b"IEND\xaeB`\x82"
_LAST_OF_JPEG = b"\xff\xd9"


@dataclass
class _Part:
    """One corruption at one severity, while it is written."""

    key: str
    condition: Condition
    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0

    def add(self, path: str, content: bytes) -> None:
        """Count a file; called in the order of the paths, so that the digest is `folder_digest`'s."""
        self.digest.update(f"{hashlib.sha256(content).hexdigest()}  {path}\n".encode())
        self.size += len(content)


def write_folders(plan: CorruptionPlan, names: FileNames, out: Path, told: Told) -> Iterator[tuple[str, PartRecord]]:
    """Write what is not there yet, and then yield the record of each part.

    All parts of some images are written together, so that an image is decoded once and not a hundred times.

    Raises:
        RunError: a file cannot be written.
        DataError: an image cannot be read.
    """
    parts = [
        _Part(f"{name}/{severity}", condition)
        for name, severities in plan.parts.items()
        for severity, condition in severities.items()
    ]
    _make_folders([out / part.key / each for part in parts for each in names.classes])
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # Pillow encodes outside the interpreter lock
        for rows in chunks(np.arange(len(names.ids)), plan.dataset.view.shape):
            images = _Images(plan, names.ids[rows])
            paths = [names.paths[row] for row in rows]
            for part in parts:
                for path, content in zip(paths, _complete(plan, part, out, paths, images, pool), strict=True):
                    part.add(path, content)
                told(len(rows), f"{part.condition.component} severity {part.condition.severity:g}")
    for part in parts:
        severities = {int(part.condition.severity or 0): part.condition}
        yield (
            part.key,
            describe_part(severities, sha256=part.digest.hexdigest(), size=part.size, files=len(names.paths)),
        )


class _Images:
    """Some samples, decoded when they are first asked for: on resume most parts are there already."""

    def __init__(self, plan: CorruptionPlan, ids: NDArray[np.int64]) -> None:
        self._plan = plan
        self._ids = ids
        self._read: Tensor | None = None

    def corrupted(self, condition: Condition, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return the samples at these places under a condition."""
        if self._read is None:
            self._read = read_levels(self._plan, self._ids)
        return corrupt_images(self._plan, condition, self._read[list(places)], self._ids[list(places)])


def _complete(
    plan: CorruptionPlan, part: _Part, out: Path, paths: Sequence[str], images: _Images, pool: ThreadPoolExecutor
) -> list[bytes]:
    """Write the files of these paths that are missing; return the contents of all."""
    folder = out / part.key
    contents = [_content(folder / path) for path in paths]
    missing = [place for place, content in enumerate(contents) if not _ends(paths[place], content)]
    if missing:
        made = pool.map(lambda pixels: _encoded(pixels, plan.config.jpeg), images.corrupted(part.condition, missing))
        for place, content in zip(missing, made, strict=True):
            # Not durable: waiting for the disk millions of times would take days. What is cut short is written again.
            write_atomically(folder / paths[place], content, durable=False)
            contents[place] = content
    return contents


def is_whole(path: Path) -> bool:
    """Return whether a file is there and was not cut short; what is in it is not read."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16))
        return _ends(path.name, file.read())


def _ends(name: str, content: bytes) -> bool:
    return content.endswith(_LAST_OF_PNG if name.endswith(".png") else _LAST_OF_JPEG)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise storage_error(path, error) from error


def _encoded(pixels: NDArray[np.uint8], jpeg: int) -> bytes:
    file = io.BytesIO()
    if jpeg:
        Image.fromarray(pixels).save(file, "JPEG", quality=jpeg, optimize=True)
    else:
        Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _make_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(folder, error) from error
