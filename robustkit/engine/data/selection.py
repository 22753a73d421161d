"""Which samples are evaluated: `--limit` and `--indices`."""

from __future__ import annotations

import re
import tokenize
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.errors import ConfigError
from robustkit.names import did_you_mean

_FORM = "write one sample id a line; # starts a comment"


def select_ids(n: int, *, limit: int | None, indices: Path | None) -> NDArray[np.int64]:
    """Return the ids of the samples to evaluate, ascending.

    `limit` takes ids spread evenly, floor(i * n / limit) for i = 0 … limit-1, and not the first ones: the first
    samples of a folder that is sorted by class are all of one class. This is robustkit's choice.

    Args:
        n: number of samples in the data.
        limit: how many to take at most; None for all.
        indices: a text file with one id a line (`#` starts a comment), or a `.npy` array of integers; the limit then
            applies to these.

    Raises:
        ConfigError: if the limit is below 1, or the file is missing, empty, unreadable, or holds something that is
            not an id, lies outside the data, or comes twice.

    >>> select_ids(10, limit=4, indices=None)
    array([0, 2, 5, 7])
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"--limit: expected 1 or more, got {limit}", "leave it out to take all samples")
    ids = np.arange(n, dtype=np.int64) if indices is None else _read(Path(indices), n)
    if limit is None or limit >= len(ids):
        return ids
    taken: NDArray[np.int64] = ids[np.arange(limit, dtype=np.int64) * len(ids) // limit]
    return taken


def _read(path: Path, n: int) -> NDArray[np.int64]:
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings) or "check the path"
        raise ConfigError(f"--indices: expected a file, but {path} does not exist", hint)
    entries = _npy_entries(path) if path.suffix == ".npy" else _text_entries(path)
    seen: dict[int, str] = {}
    for place, value in entries:
        if not 0 <= value < n:
            raise ConfigError(f"{path}, {place}: expected a sample id from 0 to {n - 1}, got {value}", "ids start at 0")
        if value in seen:
            raise ConfigError(f"{path}, {place}: expected each id once, but {value} is also in {seen[value]}", _FORM)
        seen[value] = place
    if not seen:
        raise ConfigError(f"{path}: expected at least one sample id, got none", _FORM)
    return np.array(sorted(seen), dtype=np.int64)


def _text_entries(path: Path) -> list[tuple[str, int]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a text file, but reading it failed: {error}", _FORM) from error
    entries = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text and not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ConfigError(f"{path}, line {number}: expected one sample id, got '{text[:40]}'", _FORM)
        if text:
            entries.append((f"line {number}", int(text)))
    return entries


def _npy_entries(path: Path) -> list[tuple[str, int]]:
    hint = "save the ids as integers of shape (n,)"
    try:
        array: Any = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, tokenize.TokenError) as error:
        raise ConfigError(
            f"{path}: expected a .npy array of sample ids, but reading it failed: {error}", hint
        ) from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise ConfigError(f"{path}: expected integers of shape (n,), got {got}", hint)
    return [(f"entry {number}", int(value)) for number, value in enumerate(array)]
