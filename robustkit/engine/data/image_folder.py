"""One folder of image files a class."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robustkit.components import View
from robustkit.engine.data.fingerprint import file_fingerprint
from robustkit.engine.data.reading import holds, is_visible, reading, visible
from robustkit.engine.data.view import ViewRequest, cropped, resized, resulting_view
from robustkit.errors import DataError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
SPLITS = ("test", "train", "val", "valid", "validation")
_GREY = ("1", "L", "LA")


def split_folder(path: Path, split: str) -> Path:
    """Return the folder whose subfolders are the classes: `path/SPLIT` where `path` is divided so, else `path`.

    Raises:
        DataError: if `path` is divided into splits and this one is not there.
    """
    splits = [entry.name for entry in visible(path) if entry.name in SPLITS and _subfolders(entry)]
    if not splits:
        return path
    if split not in splits:
        raise DataError(
            f"{path}: expected the folder {split}/, got {', '.join(splits)}", f"choose --split {splits[-1]}"
        )
    return path / split


class ImageFolder:
    """Labelled image files, one subfolder a class; satisfies `robustkit.ImageDataset`.

    Classes are the sorted names of the subfolders (one without images counts too), sample ids the sorted relative
    paths. Images are handed out as RGB, or with one channel if all are grey; transparency is dropped and EXIF
    orientation is not applied, as in torchvision. Hidden files and files of other kinds are ignored.

    Args:
        root: the folder with the classes.
        view: what to make of each image; needed where they differ in size.
        like: a folder with files of the same names and images of the same form; then no file is opened before it is
            read.

    Attributes:
        labels: (n,) int64.
        view: what `read` hands out.
        class_names: the names of the subfolders.
        paths: the relative paths, by sample id.
        source: the folder, for messages.

    Raises:
        DataError: if there are no images, it is unclear which folders are the classes, sizes differ, or files are not
            those of `like`.
    """

    def __init__(self, root: Path, *, view: ViewRequest | None = None, like: ImageFolder | None = None) -> None:
        self._root = root
        self._request = view
        self.source = str(root)
        self.class_names = tuple(entry.name for entry in _subfolders(root))
        found = {path: index for index, name in enumerate(self.class_names) for path in _images(root, name)}
        if not found:
            raise DataError(
                f"{root}: expected image files in its {len(self.class_names)} subfolders, got none",
                "recognised are " + " ".join(SUFFIXES),
            )
        self.paths = tuple(sorted(found))
        if like is None:
            self.labels = np.array([found[path] for path in self.paths], dtype=np.int64)
            self.view = self._common_view()
        else:
            _check_same_files(self, like)
            # The same objects: of a hundred such folders the names alone would fill the memory.
            self.class_names, self.paths, self.labels, self.view = like.class_names, like.paths, like.labels, like.view
        self._mode = "L" if self.view.channels == 1 else "RGB"

    def read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(ids), C, H, W) uint8, decoded, resized and cropped.

        Raises:
            DataError: naming the first file that cannot be decoded.
        """
        images = np.empty((len(ids), *self.view.shape), dtype=np.uint8)
        paths = [self._root / self.paths[i] for i in ids]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # Pillow decodes outside the interpreter lock
            for row, image in enumerate(pool.map(self._decode, paths)):
                if image.shape != self.view.shape:
                    raise DataError(
                        f"{paths[row]}: expected an image of shape {self.view.shape}, got {image.shape}",
                        "all images have one size",
                    )
                images[row] = image
        return images

    def fingerprint(self) -> str:
        """Return the sha256 of paths, file contents, labels and view."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return file_fingerprint(self._root, self.paths, self.labels, self.view)

    def _decode(self, path: Path) -> NDArray[np.uint8]:
        with reading(path, "an image"), Image.open(path) as image:
            _check_depth(image, path)
            if self._mode == "L" and image.mode not in _GREY:
                raise DataError(f"{path}: expected a grey image, as the others are, got colours", "save it as grey")
            opaque = image.convert("RGBA") if image.mode == "P" and "transparency" in image.info else image
            converted = opaque.convert(self._mode)
        if self._request is not None:
            converted = resized(converted, self._request)
        pixels = np.asarray(converted, dtype=np.uint8)
        pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return pixels if self._request is None else cropped(pixels, self._request, where=str(path))

    def _common_view(self) -> View:
        """Return the one view of all images, from their headers; stops as soon as no other file can change it."""
        views: dict[View, str] = {}
        grey = True
        for path in self.paths:
            with reading(self._root / path, "an image"), Image.open(self._root / path) as image:
                _check_depth(image, self._root / path)
                grey = grey and image.mode in _GREY
                views.setdefault(resulting_view(self._request, 1, image.height, image.width), path)
            if len(views) > 1:
                raise _sizes_differ(self._root, views)
            if not grey and self._request is not None and self._request.crop is not None:
                break
        size = next(iter(views))
        return resulting_view(self._request, 1 if grey else 3, size.height, size.width)


def _check_same_files(folder: ImageFolder, like: ImageFolder) -> None:
    if folder.class_names == like.class_names and folder.paths == like.paths:
        return
    odd = sorted({*folder.paths, *folder.class_names} ^ {*like.paths, *like.class_names})
    more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
    raise DataError(
        f"{folder.source}: expected the files of {like.source}, got {odd[0]}{more} in one alone",
        "what is missing in one, or foreign to the other: extract or write it again, or remove it",
    )


def _sizes_differ(root: Path, views: dict[View, str]) -> DataError:
    (one, first), (other, second) = views.items()
    return DataError(
        f"{root}: expected images of one size, got {one.height} x {one.width} (height x width) for {first} "
        f"and {other.height} x {other.width} for {second}",
        "give one size: --view 224, or --view resize=256,crop=224",
    )


def _check_depth(image: Image.Image, path: Path) -> None:
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{path}: expected 8 bits a channel, got Pillow's mode {image.mode}", "save it with 8 bits")


def _subfolders(folder: Path) -> list[Path]:
    return [entry for entry in visible(folder) if entry.is_dir()] if folder.is_dir() else []


def _images(root: Path, name: str) -> list[str]:
    """Return the relative paths of a class's images, which must all lie in one folder below `root`."""
    found: dict[Path, list[str]] = {}
    seen: set[str] = set()
    for folder, below, files in os.walk(root / name, followlinks=True):
        real = os.path.realpath(folder)
        # A link to a folder above would be walked for ever.
        below[:] = [] if real in seen else sorted(filter(is_visible, below))
        if real in seen:
            continue
        seen.add(real)
        images = [file for file in files if is_visible(file) and file.lower().endswith(SUFFIXES)]
        images = [file for file in images if os.path.isfile(os.path.join(folder, file))]  # noqa: PTH113, PTH118 - hot
        if images:
            relative = Path(folder).relative_to(root)
            found[relative] = [(relative / file).as_posix() for file in images]
    if len(found) > 1:
        first, second = list(found)[:2]
        raise DataError(
            f"{root}: expected one folder of images a class, got both {first.as_posix()}/ and {second.as_posix()}/",
            f"give the folder whose subfolders are the classes, such as {root / name}; it {holds(root / name)}",
        )
    return next(iter(found.values()), [])
