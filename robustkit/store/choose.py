"""Which folder a run goes to: a new one, the one that is named, or the one that it continues."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from robustkit.errors import ConfigError, RobustkitError
from robustkit.store.run_folder import RunFolder

RUNS = Path("runs")
"""Where runs go when no folder is named."""

F = TypeVar("F", bound=RunFolder)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a folder is wanted for.

    Attributes:
        kind: `evaluation` or `training`.
        name: of a new folder, after the date.
        identity: everything that decides the results.
        digest: of the identity.
    """

    kind: str
    name: str
    identity: Mapping[str, Any]
    digest: str


def choose_folder(form: type[F], wanted: Wanted, out: Path | None, resume: bool) -> F:
    """Return where a run goes.

    Args:
        form: the kind of folder to return.
        wanted: what it is for.
        out: a folder that is new, empty, or with `resume` holds this run; None for one below `runs/`.
        resume: continue what is there, or without `out` the newest run below `runs/` with the same identity.

    Raises:
        ConfigError: `out` holds something else; the message says what differs.
    """
    if out is None:
        return (_newest_like(form, wanted.digest) if resume else None) or form(_new_path(wanted))
    folder = form(out)
    if folder.exists():
        _check_same(folder, wanted, resume)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists and is not a run folder", "choose an empty or new folder with --out")
    return folder


def _newest_like(form: type[F], digest: str) -> F | None:
    found = []
    for path in RUNS.glob("*/manifest.json"):
        folder = form(path.parent)
        with contextlib.suppress(RobustkitError):
            manifest = folder.read_manifest()
            if manifest.get("identity_digest") == digest:
                found.append((str(manifest.get("started")), str(path.parent), folder))
    return max(found, key=lambda item: item[:2])[2] if found else None


def _new_path(wanted: Wanted) -> Path:
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M")
    base = RUNS / f"{moment}-{wanted.name.replace('/', '-')}-{wanted.digest[:6]}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path


def _check_same(folder: RunFolder, wanted: Wanted, resume: bool) -> None:
    before = folder.read_manifest()
    kind = before.get("kind", "evaluation")
    if kind != wanted.kind:
        raise ConfigError(f"{folder.path} holds the results of {kind}, not of {wanted.kind}", "choose another --out")
    if not resume:
        raise ConfigError(f"{folder.path} holds a run already", "add --resume to continue it, or choose another --out")
    # What the user gave says more than the digests that follow from it.
    differences = sorted(
        find_differences(before.get("identity", {}), wanted.identity), key=lambda text: (text[:9] != "settings.", text)
    )
    if differences:
        shown = "; ".join(differences[:3]) + (f"; and {len(differences) - 3} more" if len(differences) > 3 else "")
        raise ConfigError(
            f"{folder.path} holds a different run: {shown}", "repeat the command that began it, or choose another --out"
        )


def find_differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """Yield one short text for each value in which two identities differ, beginning with where it is."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {*before, *now}:
            yield from find_differences(before.get(key), now.get(key), f"{where}.{key}" if where else str(key))
    elif before != now:
        yield f"{where} was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
