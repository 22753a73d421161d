"""Recognising the layout of data by what is there."""

from __future__ import annotations

from pathlib import Path

from robustkit.engine.data.idx import is_idx_images, open_idx, open_idx_folder
from robustkit.engine.data.image_folder import SPLITS, SUFFIXES, ImageFolder, split_folder
from robustkit.engine.data.npy import open_npy, open_npy_folder
from robustkit.engine.data.npz import open_npz, open_npz_folder
from robustkit.engine.data.reading import holds, missing_path, visible
from robustkit.engine.data.stored import is_stored_set
from robustkit.engine.data.view import ViewRequest
from robustkit.engine.data.viewed import apply_view
from robustkit.errors import DataError
from robustkit.protocols import ImageDataset

_FILE_SUFFIXES = (".npz", ".npy", ".gz", ".tsv", ".csv")


def open_layout(path: str | Path, *, split: str = "test", view: ViewRequest | None = None) -> ImageDataset:
    """Return the labelled images at a path.

    Recognised, in this order:

    * IDX, as MNIST: a folder with `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte` (`train-…`; `.gz` or not),
      or one such file of images;
    * `.npz` with `images` and `labels` (or `x`/`y`, `data`/`labels`, `x_test`/`y_test`), or a folder with `SPLIT.npz`;
    * `.npy`: a folder with `images.npy` and `labels.npy` (or another such pair), or one file with `labels.npy`
      beside it; mapped, never read whole;
    * a folder with one subfolder of image files a class, itself or below `test/`, `val/`, `train/`.

    A stored -C set is refused, because its images are no clean data; `robustkit eval --data` reads it.

    Args:
        path: a file or a folder; `~` is expanded.
        split: which part, where the layout has several; a path to one part alone is taken as it is.
        view: resize and crop; none if None.

    Raises:
        DataError: if nothing is there, the layout is not recognised, or the data cannot be used as it is.
    """
    location = Path(path).expanduser()
    if location.is_dir():
        return _open_folder(location, split, view)
    if location.is_file():
        return apply_view(_open_file(location, split), view)
    raise missing_path(location)


def dataset_name(path: str | Path, split: str) -> str:
    """Return the name of a dataset in result tables: `folder/split`, `folder/file` for a file, or `folder`.

    A folder that is itself a split (`imagenet/val`) is named with its parent. Only the path is looked at, so two
    splits in one `.npz` file share their name.

    >>> dataset_name("data/fashion-mnist", "test"), dataset_name("data/cifar10-jpeg/test.npz", "test")
    ('fashion-mnist/test', 'cifar10-jpeg/test')
    >>> dataset_name("imagenet/val", "test")
    'imagenet/val'
    """
    location = Path(path).expanduser().absolute()
    if ".." in location.parts:
        location = location.resolve()
    if location.suffix in _FILE_SUFFIXES:
        return f"{location.parent.name}/{location.stem}"
    if location.name in SPLITS or is_idx_images(location):
        return f"{location.parent.name}/{location.name}"
    if location.is_file():
        return f"{location.parent.name}/{location.stem}"
    has_splits = not location.is_dir() or any(_names_split(entry.name) for entry in visible(location))
    return f"{location.name}/{split}" if has_splits else location.name


def _names_split(name: str) -> bool:
    return name in SPLITS or name.startswith(("train", "test", "val", "t10k"))


def _open_file(path: Path, split: str) -> ImageDataset:
    if path.suffix == ".npz":
        return open_npz(path, split)
    if path.suffix == ".npy":
        _refuse_stored_set(path, path.parent)
        return open_npy(path)
    if is_idx_images(path):
        return open_idx(path)
    raise DataError(
        f"{path}: expected a .npz archive, a .npy array or an IDX file of images, got another kind of file",
        "give such a file, or the folder of the data",
    )


def _refuse_stored_set(path: Path, folder: Path) -> None:
    if is_stored_set(folder):
        what = "a stored -C set" if path == folder else "of a stored -C set"
        raise DataError(
            f"{path}: expected clean images, but this is {what}",
            f"robustkit eval --data {folder} evaluates its corruptions; -p fog:severity=3 chooses among them",
        )


def _open_folder(folder: Path, split: str, view: ViewRequest | None) -> ImageDataset:
    _refuse_stored_set(folder, folder)
    for opener in (open_idx_folder, open_npz_folder, open_npy_folder):
        dataset = opener(folder, split)
        if dataset is not None:
            return apply_view(dataset, view)
    root = split_folder(folder, split)
    entries = visible(root)
    if any(entry.is_dir() for entry in entries):
        return ImageFolder(root, view=view)
    if any(entry.suffix.lower() in SUFFIXES for entry in entries):
        raise DataError(
            f"{root}: expected one subfolder of images a class, got images without one", "sort them into such folders"
        )
    raise DataError(
        f"{root}: expected data with the split '{split}', but the folder {holds(root)}",
        "recognised are IDX files, SPLIT.npz, images.npy + labels.npy, one .npy with labels.npy beside it, and one "
        "subfolder of images a class; --split chooses the part",
    )
