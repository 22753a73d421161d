"""The frost photographs of the published sets: where they are, and whether they are the right ones.

They come with imagecorruptions. Their origin and licence are not stated there, so robustkit does not ship them.
"""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from robustkit import PluginError
from robustkit_corruptions.params import CorruptionParams, resolve_profile

FILES = {
    "frost1.png": "ff9f907860bd",
    "frost2.png": "fe211a89b336",
    "frost3.png": "2d0d50b4a9bb",
    "frost4.jpg": "3f8b91ca1a9f",
    "frost5.jpg": "5fc6a19df4a4",
    "frost6.jpg": "1f92b2f48408",
}
"""The first 12 digits of each photograph's sha256: imagecorruptions 1.1.2 and hendrycks/robustness agree."""

VARIABLE = "ROBUSTKIT_FROST"

_INSTALL = "pip install --no-deps imagecorruptions==1.1.2"
_NAME = f"set {VARIABLE} to the folder of the files"


def installed_package() -> Path | None:
    """Return the folder of an installed imagecorruptions, which is not imported, or None."""
    spec = find_spec("imagecorruptions")
    return Path(spec.origin).parent if spec and spec.origin else None


def resolve_frost(chosen: CorruptionParams, shape: tuple[int, int, int]) -> CorruptionParams:
    """Return what `resolve_profile` returns, once the photographs are found."""
    find_files()
    return resolve_profile(chosen, shape)


def describe_files() -> str:
    """Return where the photographs are; raises as `find_files`."""
    return f"the frost photographs, in {find_files()[0].parent}"


def find_files() -> tuple[Path, ...]:
    """Return the six photographs: in the folder that ROBUSTKIT_FROST names, or in an installed imagecorruptions.

    Raises:
        PluginError: one is missing, or is another picture.
    """
    named, package = os.environ.get(VARIABLE), installed_package()
    if named:
        hint = f"{_NAME}, or unset {VARIABLE} and {_INSTALL}"
        return _files(Path(named).expanduser(), f"in the folder that {VARIABLE} names", hint)
    if package is None:
        raise PluginError(
            "frost needs the frost photographs, and imagecorruptions is not installed", f"{_INSTALL}, or {_NAME}"
        )
    return _files(package / "frost", "in the installed imagecorruptions", f"{_INSTALL} --force-reinstall, or {_NAME}")


@lru_cache(maxsize=8)
def _files(folder: Path, where: str, hint: str) -> tuple[Path, ...]:
    return tuple(_checked(folder / name, digest, where, hint) for name, digest in FILES.items())


def _checked(path: Path, digest: str, where: str, hint: str) -> Path:
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PluginError(f"frost: {path} cannot be read: {error.strerror}, {where}", hint) from error
    if not found.startswith(digest):
        raise PluginError(
            f"frost: {path}, {where}, is not the published photograph: its sha256 begins with {found[:12]}", hint
        )
    return path
