"""A stored -C set: corruptions × severities of the same samples, each a dataset of its own."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.stored.manifest import SetManifest
from robustkit.engine.data.stored.parts import Parts
from robustkit.errors import DataError
from robustkit.protocols import ImageDataset

Part = TypeVar("Part", bound=ImageDataset)


class StoredSet(ABC, Generic[Part]):
    """Corrupted images on disk.

    Attributes:
        root: the folder.
        parts: by corruption and severity, where the images are.
        manifest: what `robustkit corrupt` wrote beside them; None for the published sets.
    """

    def __init__(self, root: Path, parts: Parts, manifest: SetManifest | None) -> None:
        self.root = root
        self.parts = parts
        self.manifest = manifest
        self._opened: dict[tuple[str, int], Part] = {}

    @property
    def severities(self) -> Mapping[str, tuple[int, ...]]:
        """The stored severities, by the corruption's name as it is stored."""
        return {name: tuple(sorted(found)) for name, found in sorted(self.parts.items())}

    @cached_property
    def first(self) -> Part:
        """The first part, whose labels, classes and view are those of all; a manifest knows which belong to the set."""
        parts = [(name, severity) for name, severities in self.severities.items() for severity in severities]
        listed = [part for part in parts if self.manifest is None or self.key(*part) in self.manifest.parts]
        return self._open(*(listed or parts)[0], None)

    def open(self, name: str, severity: int) -> Part:
        """Return the images of one corruption at one severity; their files are looked for once.

        Raises:
            DataError: they are not what the layout says, or not of the same samples as those of the other parts.
        """
        if (name, severity) not in self._opened:
            self._opened[name, severity] = self._open(name, severity, self.first)
        return self._opened[name, severity]

    @abstractmethod
    def _open(self, name: str, severity: int, like: Part | None) -> Part:
        """Return a part; `like` is what it must agree with."""

    @abstractmethod
    def digest(self, name: str, severity: int, ids: NDArray[np.int64]) -> str:
        """Return the sha256 of what is stored of these samples."""

    @abstractmethod
    def probe(self, name: str, severity: int) -> bytes:
        """Return the first and the last image of a part as they are stored."""

    def key(self, name: str, severity: int) -> str:
        """Return how a manifest calls a part."""
        return self.parts[name][severity].relative_to(self.root).as_posix()

    def verify(self, name: str, severity: int, *, thorough: bool) -> None:
        """Compare a part with the manifest; without one there is nothing to compare.

        Args:
            name: of the corruption, as it is stored.
            severity: of the part.
            thorough: read large parts too; else only their size is compared.

        Raises:
            DataError: the part is not what was written.
        """
        if self.manifest is not None:
            self.manifest.verify(self.key(name, severity), thorough=thorough)

    def fingerprint(self) -> str:
        """Return the sha256 of the parts' names, view and labels, and of the first and last image of each part.

        Sets of other seeds, profiles or storage have another one. It stays the same whichever parts are evaluated, and
        does not cost reading a hundred gigabytes; the samples that are evaluated have digests of their own.
        """
        first = self.first
        header = {"fingerprint": "stored set", "version": 1, "view": asdict(first.view), "severities": self.severities}
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        digest.update(first.labels.astype("<i8").tobytes())
        for name, severities in self.severities.items():
            for severity in severities:
                try:
                    digest.update(self.probe(name, severity))
                except DataError:
                    # It may not be wanted; if it is, opening it says what is wrong.
                    digest.update(b"unreadable")
        return digest.hexdigest()
