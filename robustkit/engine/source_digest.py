"""Digests of the code of components: what results depend on besides versions."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

from robustkit.host import Entry
from robustkit.host.validate import resolve_target


def source_digest(entry: Entry) -> str:
    """Return the sha256 of the source file that a component's target is in; code that it imports is not covered."""
    try:
        source = Path(inspect.getfile(inspect.unwrap(resolve_target(entry)))).read_bytes()
    except (TypeError, OSError):
        # Partial objects and the like have no file of their own; the plugin's version stands for them.
        source = f"{entry.qualified} {entry.version}".encode()
    return hashlib.sha256(source).hexdigest()


def package_digest(entry: Entry) -> str:
    """Return the sha256 of all Python files of the package that a component's implementation is in.

    A component that is installed in development mode changes without its version.
    """
    try:
        file = Path(inspect.getfile(inspect.unwrap(resolve_target(entry))))
    except (TypeError, OSError):
        return source_digest(entry)
    place = file
    while (place.parent / "__init__.py").is_file():
        place = place.parent
    digest = hashlib.sha256()
    for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        digest.update(f"{path.relative_to(place.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
