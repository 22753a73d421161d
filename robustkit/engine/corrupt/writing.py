"""Writes a planned set into a folder, whole or resumable, and never over anything else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from robustkit.engine.corrupt.arrays import Told, is_complete, write_arrays
from robustkit.engine.corrupt.earlier import check_same, read_earlier
from robustkit.engine.corrupt.folders import is_whole, write_folders
from robustkit.engine.corrupt.plan import CorruptionPlan
from robustkit.engine.corrupt.record import PartRecord, describe_set, save_manifest
from robustkit.engine.data.stored import LABELS
from robustkit.engine.manifest import timestamp
from robustkit.errors import RunError
from robustkit.host import Host
from robustkit.store import exclusive, remove_leftovers


class Watcher(Protocol):
    """Is told how the writing of a set goes."""

    def noted(self, text: str) -> None:
        """Something that the user should know."""
        ...

    def started(self, total: int) -> None:
        """So many images will be written."""
        ...

    def written(self, n: int, what: str) -> None:
        """`n` more images are there."""
        ...


def write_set(plan: CorruptionPlan, host: Host, out: Path, *, resume: bool, watcher: Watcher) -> dict[str, Any]:
    """Write the set and return its manifest.

    Args:
        plan: what to write.
        host: the plugins, for the manifest.
        out: a folder that is new or empty, or with `resume` holds a part of this set.
        resume: leave what is there and write the rest.
        watcher: is told about the progress.

    Raises:
        ConfigError: `out` holds something else, or another process writes into it.
        RunError: the disk is full, or another failure to write.
        DataError: an image cannot be read.
        PluginError: a perturbation fails.
    """
    # Before the folder is made.
    _check_space(plan, out, _earlier(plan, out, resume).get("parts", {}))
    with exclusive(out):
        # Again, because another process may have written until now.
        return _write_held(plan, host, out, _earlier(plan, out, resume), watcher)


def _earlier(plan: CorruptionPlan, out: Path, resume: bool) -> dict[str, Any]:
    before = read_earlier(out, resume=resume)
    if before:
        check_same(plan, out, before)
    return before


def _write_held(
    plan: CorruptionPlan, host: Host, out: Path, before: dict[str, Any], watcher: Watcher
) -> dict[str, Any]:
    manifest = describe_set(plan, host)
    manifest["parts"] = dict(before.get("parts", {}))
    if before.get("status") == "finished" and _all_there(plan, out, manifest["parts"]):
        return before
    remove_leftovers(out)
    save_manifest(out, manifest)
    for note in plan.notes:
        watcher.noted(note)
    watcher.started(plan.total)
    for key, record in _write(plan, out, manifest["parts"], watcher.written):
        manifest["parts"][key] = record
        if plan.layout == "npy":
            save_manifest(out, manifest)
    manifest |= {"status": "finished", "finished": timestamp()}
    save_manifest(out, manifest)
    return manifest


def _write(
    plan: CorruptionPlan, out: Path, done: Mapping[str, PartRecord], told: Told
) -> Iterator[tuple[str, PartRecord]]:
    if plan.names is None:
        return write_arrays(plan, out, done, told)
    return write_folders(plan, plan.names, out, told)


def _all_there(plan: CorruptionPlan, out: Path, parts: Mapping[str, PartRecord]) -> bool:
    if plan.names is None:
        return (out / LABELS).is_file() and not _missing_arrays(plan, out, parts)
    return all(is_whole(out / key / path) for key in parts for path in plan.names.paths)


def _missing_arrays(plan: CorruptionPlan, out: Path, parts: Mapping[str, PartRecord]) -> list[str]:
    keys = [f"{name}.npy" for name in plan.parts]
    return [key for key in keys if not is_complete(out / key, parts)]


def _check_space(plan: CorruptionPlan, out: Path, parts: Mapping[str, PartRecord]) -> None:
    """Refuse to begin what cannot end: the size of arrays is known."""
    if plan.layout != "npy":
        return
    needed = len(_missing_arrays(plan, out, parts)) * plan.bytes_of_part
    place = next(each for each in (out, *out.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise RunError(
            f"{out}: the set needs {needed / 1e6:.1f} MB more, and {free / 1e6:.1f} MB are free",
            "free some space, choose another --out, fewer perturbations, or a --limit",
        )
