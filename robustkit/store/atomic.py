"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from robustkit.errors import RunError

TEMPORARY_SUFFIX = ".partial"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any moment leaves either the old file, the new file or none.

    Raises:
        RunError: the disk is full, the folder is read-only, or another failure of the file system.
    """
    # The name is unique, because two workers may compute the same chunk; whoever is last wins with equal bytes.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> RunError:
    """Return the error that tells the user why a file could not be written."""
    hints = {
        errno.ENOSPC: "free some space and run again with --resume: nothing that was finished is lost",
        errno.EDQUOT: "free some of your quota and run again with --resume: nothing that was finished is lost",
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
