"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from robustkit.errors import RunError

TEMPORARY_SUFFIX = ".partial"

_AGAIN = "repeat the command, with --resume where it has that: what was finished is not lost"


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that a crash at any moment leaves either the old file, the new file or none.

    Args:
        path: of the file; its folder is made.
        content: all of it.
        durable: wait until the disk has it. Without, a power cut may leave an empty file; a killed process does not.

    Raises:
        RunError: the disk is full, the folder is read-only, or another failure of the file system.
    """
    with atomic_file(path, durable=durable) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a file that appears under its name once the block has written it, and not at all if the block fails.

    Args:
        path: of the file; its folder is made.
        durable: as for `write_atomically`.

    Raises:
        RunError: as `write_atomically`; any `OSError` of the block counts as a failure to write.
    """
    # The name is unique, because two workers may compute the same chunk; whoever is last wins with equal bytes.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(path, error) from error
        raise


def storage_error(path: Path, error: OSError) -> RunError:
    """Return the error that tells the user why a file could not be written."""
    hints = {
        errno.ENOSPC: f"free some space and {_AGAIN}",
        errno.EDQUOT: f"free some of your quota and {_AGAIN}",
        errno.EROFS: "the file system is read-only; choose another folder with --out",
        errno.EACCES: "you may not write there; choose another folder with --out",
        errno.EPERM: "you may not write there; choose another folder with --out",
        errno.ENOTDIR: "a part of the path is a file; choose another folder with --out",
        errno.EEXIST: "a file is where a folder should be; choose another folder with --out",
    }
    reason = error.strerror or str(error)
    return RunError(f"cannot write {path}: {reason}", hints.get(error.errno or 0, "choose another folder with --out"))


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files that a killed run left behind."""
    for leftover in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once its folder is; not every platform can open one.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
