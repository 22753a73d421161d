"""Errors of the file system and of decoders, told as what was expected and where."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from robustkit.errors import DataError
from robustkit.names import did_you_mean

# What gzip, zipfile, numpy and Pillow raise on damaged input, found by feeding them truncated and altered files.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    IndexError,
    KeyError,
    RuntimeError,
    OverflowError,
    MemoryError,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
)
_SHOWN = 6


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever a decoder raises inside the block into a `DataError` that names the file.

    Args:
        path: the file being read.
        expected: what it should be, with its article: `"a .npz archive"`.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        # A pipe without a writer would be waited for, for ever.
        raise DataError(f"{path}: expected {expected}, got neither a file nor a folder", "give a regular file")
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: expected {expected}, but reading it failed: {reason}", _hint(reason)) from error


def _hint(reason: str) -> str:
    if "pickle" in reason.lower() or "python objects" in reason.lower():
        return "robustkit never unpickles data: save plain numbers, such as np.save(path, images.astype('uint8'))"
    return "the file may be truncated or of another kind: copy or download it again"


def missing_path(path: Path) -> DataError:
    """Return the error for a path that does not exist, with the closest siblings as the hint."""
    folder = path.parent
    if not folder.is_dir():
        return DataError(f"{path}: expected a file or folder, but {folder} is no folder", "check the path")
    siblings = visible(folder)
    hint = did_you_mean(path.name, [entry.name for entry in siblings])
    return DataError(f"{path}: expected a file or folder, but it does not exist", hint or f"{folder} {holds(folder)}")


def visible(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted by name, without hidden entries and macOS's `__MACOSX` copies."""
    with reading(folder, "a readable folder"):
        return sorted(
            (entry for entry in folder.iterdir() if is_visible(entry.name)),
            key=lambda entry: entry.name,
        )


def is_visible(name: str) -> bool:
    """Return whether a file or folder of this name counts as data.

    >>> is_visible("cat"), is_visible(".DS_Store"), is_visible("__MACOSX")
    (True, False, False)
    """
    return not name.startswith(".") and name != "__MACOSX"


def holds(folder: Path) -> str:
    """Return in words what a folder holds, for messages."""
    names = [entry.name + ("/" if entry.is_dir() else "") for entry in visible(folder)]
    if not names:
        return "is empty"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "holds " + ", ".join(names[:_SHOWN]) + more
