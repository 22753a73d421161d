"""What a reporter says that it has written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from robustkit.errors import PluginError

_HINT = "a reporter returns a list with the path of each file that it has written below its folder"


def written_files(name: str, returned: Any, folder: Path) -> list[Path]:
    """Return the paths of the files that a reporter has written, relative to the folder.

    Args:
        name: of the reporter, for errors.
        returned: what it returned.
        folder: what it was given, an absolute path.

    Raises:
        PluginError: it did not return a list of files that are there, below the folder.
    """
    if not isinstance(returned, list | tuple):
        raise PluginError(f"reporter '{name}' returned {type(returned).__name__}, not a list of the files", _HINT)
    found = []
    for each in returned:
        if not isinstance(each, str | os.PathLike):
            raise PluginError(f"reporter '{name}' returned a list with {type(each).__name__}, not with paths", _HINT)
        path = folder / each
        if not path.is_file():
            raise PluginError(f"reporter '{name}' says that it has written {path}, which is not there", _HINT)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise PluginError(f"reporter '{name}' has written {path}, outside of {folder}", _HINT)
        found.append(path.resolve().relative_to(folder.resolve()))
    return found
