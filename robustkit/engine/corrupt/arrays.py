"""Writes the layout of CIFAR-10-C: one `.npy` file a corruption, with all severities in it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from robustkit.engine.corrupt.images import corrupt_images, read_levels
from robustkit.engine.corrupt.plan import CorruptionPlan
from robustkit.engine.corrupt.record import PartRecord, describe_part
from robustkit.engine.data.chunks import chunks
from robustkit.engine.data.stored import LABELS, SEVERITIES
from robustkit.engine.grid import Condition
from robustkit.store import atomic_file, write_atomically

Told = Callable[[int, str], None]
"""Is told how many more images there are, and what was written."""


def write_arrays(
    plan: CorruptionPlan, out: Path, done: Mapping[str, PartRecord], told: Told
) -> Iterator[tuple[str, PartRecord]]:
    """Yield the record of each file that is written, once it is there; those that are there already are left alone.

    A file is written row by row and appears under its name when it is complete: what it costs of memory does not grow
    with the data, and a full disk is an error and no crash, as it would be with a mapped file.

    Raises:
        RunError: a file cannot be written.
    """
    labels = io.BytesIO()
    np.save(labels, np.tile(plan.dataset.labels[plan.ids].astype(np.int64), SEVERITIES))
    write_atomically(out / LABELS, labels.getvalue())
    for name, severities in plan.parts.items():
        path = out / f"{name}.npy"
        if is_complete(path, done):
            told(len(plan.ids) * len(severities), f"{path.name} is there")
            continue
        yield path.name, _write(plan, path, severities, told)


def is_complete(path: Path, parts: Mapping[str, PartRecord]) -> bool:
    """Return whether a file is recorded and has its length; what is in it is not read."""
    return path.name in parts and path.is_file() and path.stat().st_size == parts[path.name]["bytes"]


def _write(plan: CorruptionPlan, path: Path, severities: Mapping[int, Condition], told: Told) -> PartRecord:
    channels, height, width = plan.dataset.view.shape
    shape = (SEVERITIES * len(plan.ids), height, width, *([channels] if channels > 1 else []))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    digest = hashlib.sha256()
    with atomic_file(path) as file:
        digest.update(header.getvalue())
        file.write(header.getvalue())
        for severity, condition in severities.items():
            for ids in chunks(plan.ids, plan.dataset.view.shape):
                pixels = np.ascontiguousarray(corrupt_images(plan, condition, read_levels(plan, ids), ids)).data
                digest.update(pixels)
                file.write(pixels)
                told(len(ids), f"{condition.component} severity {severity}")
        size = file.tell()
    return describe_part(severities, sha256=digest.hexdigest(), size=size, files=1)
