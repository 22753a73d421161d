"""What the folder of a set holds before it is written: nothing, or a part of this very set."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustkit.engine.corrupt.plan import CorruptionPlan
from robustkit.engine.data.stored import KIND, MANIFEST
from robustkit.errors import ConfigError, DataError

_ELSEWHERE = "choose a new folder with --out; nothing is overwritten"


def check_place(out: Path, data: str) -> None:
    """Raise where a set would be written among the data that it is made of, which then would be taken for a set.

    Raises:
        ConfigError: `out` lies in the folder of the data.
    """
    place = Path(os.path.expanduser(data))  # noqa: PTH111 - as data are opened
    if place.is_dir() and out.resolve().is_relative_to(place.resolve()):
        raise ConfigError(f"--out: {out} lies in the data, {data}", "choose a folder beside them")


def read_earlier(out: Path, *, resume: bool) -> dict[str, Any]:
    """Return the manifest of the set that is continued, or nothing for a new one.

    Raises:
        ConfigError: the folder holds something else, or a set and `resume` is not given.
        DataError: the manifest is damaged.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file, not a folder", _ELSEWHERE)
    if not out.exists() or not any(out.iterdir()):
        return {}
    manifest = _read(out / MANIFEST)
    if manifest.get("kind") != KIND:
        raise ConfigError(f"{out} exists and is not empty", _ELSEWHERE)
    if not resume:
        raise ConfigError(f"{out} holds a set already", "add --resume to continue it, or choose another --out")
    return manifest


def check_same(plan: CorruptionPlan, out: Path, earlier: Mapping[str, Any]) -> None:
    """Raise where what is there is not what the plan would write.

    Raises:
        ConfigError: it is another set.
    """
    differing = [key for key, value in plan.identity.items() if earlier["identity"].get(key) != value]
    if differing:
        raise ConfigError(
            f"{out} holds another set: it differs in {', '.join(differing)}",
            "repeat the command that began it, or choose another --out",
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}", "choose another --out") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        return {}
    if not _is_sound(found):
        raise DataError(
            f"{path} is not as robustkit writes it: it was changed by hand or is damaged", "choose another --out"
        )
    return found


def _is_sound(manifest: Mapping[str, Any]) -> bool:
    identity, parts = manifest.get("identity"), manifest.get("parts")
    if not isinstance(identity, dict) or not isinstance(parts, dict):
        return False
    return all(isinstance(part, dict) and isinstance(part.get("bytes"), int) for part in parts.values())
