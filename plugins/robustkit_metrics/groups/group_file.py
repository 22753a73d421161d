"""Which group each sample is in, from a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.groups.index import as_index


@dataclass(frozen=True, eq=False)
class GroupFile:
    """Groups of samples.

    Attributes:
        path: of the file.
        names: of the groups, sorted.
        ids: (m,) ascending ids of the samples that have a group.
        codes: (m,) which group each is in.
        digest: sha256 of the file.
    """

    path: Path
    names: tuple[str, ...]
    ids: NDArray[np.int64]
    codes: NDArray[np.intp]
    digest: str

    def of(self, ids: NDArray[Any]) -> NDArray[np.intp]:
        """Return (n,) the group of each sample; -1 where it has none."""
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, self.codes[place], -1)


def read_groups(path: Path, column: str) -> GroupFile:
    """Return the groups that a file has.

    Args:
        path: of a CSV or parquet file with the columns `id` and `column`.
        column: names the group of each sample; empty, null or NaN for none.

    Raises:
        robustkit.DataError: the file cannot be read, lacks a column or any group, or an id is malformed or there twice.
    """
    ids, values = robustkit.read_columns(path, "id", column)
    found: dict[int, str] = {}
    for place, (given, value) in enumerate(zip(ids, values, strict=True)):
        index = as_index(path, "id", place, given)
        if index in found:
            raise robustkit.DataError(
                f"{path}, row {place + 1}: the id {index} is there twice", "keep one row a sample"
            )
        found[index] = _name(value)
    grouped = {index: found[index] for index in sorted(found) if found[index]}
    if not grouped:
        raise robustkit.DataError(
            f"{path}: expected groups in the column '{column}', got {len(found)} rows without", "name another column"
        )
    names = sorted(set(grouped.values()))
    place_of = {name: place for place, name in enumerate(names)}
    return GroupFile(
        path=path,
        names=tuple(names),
        ids=np.array(list(grouped)),
        codes=np.array([place_of[name] for name in grouped.values()]),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _name(value: Any) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    # Names of parts are printed in tables and messages.
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)).split())
