"""Where plugins come from: entry points of installed distributions, and files given with `--include`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustkit.errors import ConfigError
from robustkit.names import did_you_mean, normalise

GROUP = "robustkit"
HOME = "robustkit"
"""The distribution whose plugins are first-party."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A plugin that may be loaded, and where it comes from.

    Attributes:
        name: the namespace of its components.
        dist: the distribution, or an empty string for an included file.
        version: of the distribution; for an included file `sha256:` and its first 12 hex digits.
        origin: the module that the entry point names, or the file's path.
        editable: whether the distribution is an editable install.
        load: imports the plugin.
    """

    name: str
    dist: str
    version: str
    origin: str
    load: Callable[[], Any]
    editable: bool = False

    @property
    def first_party(self) -> bool:
        """Whether it ships with robustkit."""
        return normalise(self.dist) == HOME

    @property
    def identity(self) -> str:
        """How messages call it."""
        return f"{self.dist} {self.version} ({self.name})" if self.dist else f"{self.origin} ({self.name})"


def installed_sources() -> list[Source]:
    """Return every plugin that an installed distribution offers, first-party ones first, then by name.

    The order carries no meaning beyond this: a third-party plugin can never displace a first-party one.
    """
    found: dict[tuple[str, str], Source] = {}
    for dist in importlib.metadata.distributions():
        points = dist.entry_points.select(group=GROUP)
        for point in points:
            # The same distribution can appear twice on sys.path; the first one is what gets imported.
            found.setdefault((normalise(dist.name), point.name), _from_entry_point(dist, point))
    return sorted(found.values(), key=lambda source: (not source.first_party, source.dist, source.name))


def _from_entry_point(dist: importlib.metadata.Distribution, point: importlib.metadata.EntryPoint) -> Source:
    return Source(
        name=normalise(point.name),
        dist=dist.name,
        version=dist.version,
        origin=point.value,
        load=point.load,
        editable=_is_editable(dist),
    )


def _is_editable(dist: importlib.metadata.Distribution) -> bool:
    text = dist.read_text("direct_url.json")
    if not text:
        return False
    return bool(json.loads(text).get("dir_info", {}).get("editable", False))


def included_source(path: Path) -> Source:
    """Return the plugin in one unpackaged file.

    Raises:
        ConfigError: the file does not exist or is not a `.py` file.
    """
    if not path.is_file():
        siblings = [str(sibling) for sibling in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise ConfigError(f"--include: no such file: {path}", did_you_mean(str(path), siblings) or "give a .py file")
    if path.suffix != ".py":
        raise ConfigError(f"--include: expected a .py file, got {path}", "name a Python file that defines plugin hooks")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = normalise(path.stem)
    return Source(
        name=name, dist="", version=f"sha256:{digest}", origin=str(path), load=lambda: _import_file(path, digest)
    )


def _import_file(path: Path, digest: str) -> Any:
    module_name = f"robustkit_included_{path.stem}_{digest[:12]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--include: cannot import {path}", "is it a Python file?")
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs, so that dataclasses in the file can resolve their own annotations.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module
