"""The layout of ImageNet-C and Tiny-ImageNet-C: `[group/]corruption/severity/class/file`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.fingerprint import file_fingerprint
from robustkit.engine.data.image_folder import ImageFolder
from robustkit.engine.data.reading import reading
from robustkit.engine.data.stored.stored_set import StoredSet


class StoredFolders(StoredSet[ImageFolder]):
    """A set of image files; every part has files of the same names."""

    def _open(self, name: str, severity: int, like: ImageFolder | None) -> ImageFolder:
        # Of all parts but the first, no file is opened before it is read: ImageNet-C has five million.
        return ImageFolder(self.parts[name][severity], like=like)

    def digest(self, name: str, severity: int, ids: NDArray[np.int64]) -> str:
        """Return the sha256 of the names and contents of these samples' files."""
        part = self.open(name, severity)
        paths = [part.paths[i] for i in ids]
        return file_fingerprint(self.parts[name][severity], paths, part.labels[ids], part.view)

    def probe(self, name: str, severity: int) -> bytes:
        """Return the first and the last file of a part."""
        folder, paths = self.parts[name][severity], self.first.paths
        content = b""
        for path in (folder / paths[0], folder / paths[-1]):
            with reading(path, "an image"):
                content += path.read_bytes()
        return content
