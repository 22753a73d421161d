"""The installed libraries: which there is, and its version."""

from __future__ import annotations

import json
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Any

from robustkit import RunError

_COMMANDS = {
    # What it requires, and none of its attacks need, would replace requests, torchvision and with it torch.
    "torchattacks": "pip install --no-deps torchattacks && pip install tqdm",
}
"""How a library is installed without changing others, where it is not by its name alone."""


def installed(*names: str) -> tuple[Any, str]:
    """Return the first of these modules that is installed, and its name and version: `foolbox-3.3.4`.

    Args:
        names: of top-level modules, which their distributions share.

    Raises:
        RunError: none is installed, or the first cannot be imported.
    """
    for name in names:
        if find_spec(name) is not None:
            return _imported(name), f"{name}-{_version(name)}"
    raise RunError(f"this attack is run by {' or '.join(names)}, which is not installed", _command(names[-1]))


def checked(found: str, wanted: str) -> str:
    """Return the package that is installed.

    Args:
        found: its name and version.
        wanted: what the user asks for; empty for any.

    Raises:
        RunError: it is another one.
    """
    if wanted not in ("", found):
        raise RunError(f"package: {wanted} was asked for, installed is {found}", "install it, or leave package out")
    return found


def _command(name: str) -> str:
    return _COMMANDS.get(name, f"pip install {name}")


def _imported(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            # That it uses what other packages are about to drop is nothing that a user can mend.
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module(name)
    except Exception as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise RunError(f"{name} is installed but cannot be imported: {cause}", _command(name)) from error


def _version(name: str) -> str:
    """Return the version of a distribution, with the commit that it was installed from, if any."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return "unknown"
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    commit = origin.get("vcs_info", {}).get("commit_id", "")
    return f"{found.version}+{commit[:8]}" if commit else found.version
