"""What the folder of a training that began earlier says, checked before anything is taken from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from robustkit.engine.checkpoint.digest import file_digest
from robustkit.errors import DataError
from robustkit.training.folder import TrainingFolder
from robustkit.training.history import check_history

_HINT = "train anew in another folder with --out"


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What the manifest says.

    Attributes:
        status: `running` also of a training that was killed.
        started: when it began.
        environment: in which it began.
        resumed: one entry a resumption.
        selected_epoch: the best so far, from 1; None before the first is over.
        history: one row an epoch that is over.
        files: sha256 of the weights files, by name.
    """

    status: Literal["running", "interrupted", "failed", "finished"]
    started: str
    environment: dict[str, Any]
    selected_epoch: int | None
    history: list[dict[str, Any]]
    files: dict[str, str]
    resumed: list[dict[str, Any]] = field(default_factory=list)


def read_earlier(folder: TrainingFolder, epochs: int) -> Earlier | None:
    """Return what the folder's manifest says, or None if no training was begun there.

    Args:
        folder: of the training.
        epochs: that the whole training has.

    Raises:
        DataError: the manifest is damaged.
    """
    from pydantic import TypeAdapter, ValidationError

    if not folder.exists():
        return None
    manifest = folder.read_manifest()
    try:
        earlier = TypeAdapter(Earlier).validate_python(manifest)
        check_history(earlier.history, earlier.selected_epoch)
        if earlier.status == "finished" and len(earlier.history) != epochs:
            raise ValueError(f"{len(earlier.history)} of {epochs} epochs are in the history of a finished training")
    except ValidationError as error:
        first = error.errors()[0]
        got = "" if first["type"] == "missing" else f", got {first.get('input')!r:.60}"
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{folder.manifest_path} is damaged: '{where}': {first['msg']}{got}", _HINT) from error
    except ValueError as error:
        raise DataError(f"{folder.manifest_path} is damaged: {error}", _HINT) from error
    return earlier


def damaged_files(folder: TrainingFolder, earlier: Earlier) -> list[str]:
    """Return the names of the weights files that are missing, or are not those that the training wrote.

    Raises:
        DataError: there are such files, and no state from which they could be written anew.
    """
    paths = (folder.model_path, folder.last_path)
    damaged = [path.name for path in paths if not path.is_file() or file_digest(path) != earlier.files.get(path.name)]
    if damaged and not folder.state_path.is_file():
        raise DataError(
            f"{folder.path}: {' and '.join(damaged)} cannot be trusted (missing, or with another digest than the "
            f"manifest says), and {folder.state_path} is missing too",
            _HINT,
        )
    return damaged
