"""Writing a set of corrupted images: from a configuration to a folder that `eval` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustkit.config.corrupting import CorruptConfig, parse_corrupting
from robustkit.engine.corrupt import CorruptionPlan, Watcher, check_place, plan_corruption, read_earlier, write_set
from robustkit.host import Host, load_host


@dataclass(frozen=True, kw_only=True)
class CorruptedSet:
    """A finished set.

    Attributes:
        path: of its folder.
        manifest: what was written, how, and with what.
    """

    path: Path
    manifest: dict[str, Any]


class Unwatched:
    """The watcher of a set that nobody watches."""

    def noted(self, text: str) -> None:
        """Do nothing."""

    def started(self, total: int) -> None:
        """Do nothing."""

    def written(self, n: int, what: str) -> None:
        """Do nothing."""


def corrupt(
    config: CorruptConfig | Mapping[str, Any],
    *,
    out: Path,
    resume: bool = False,
    host: Host | None = None,
    watcher: Watcher | None = None,
) -> CorruptedSet:
    """Write the images of a dataset under perturbations, in the layout of CIFAR-10-C or of ImageNet-C.

    Args:
        config: what to write: `{"data": …, "perturbation": ["corruptions/common:severity=1..5"]}`.
        out: a folder that is new or empty, or with `resume` holds a part of this set.
        resume: leave what is there and write the rest.
        host: the plugins; by default all that are installed and those that the configuration includes.
        watcher: is told about the progress.

    Raises:
        ConfigError: the configuration is wrong, `out` holds something else, or another process writes into it.
        DataError: the data cannot be used.
        PluginError: a perturbation is broken, or lacks files that it needs.
        RunError: the disk is full, or another failure to write.
    """
    config = config if isinstance(config, CorruptConfig) else parse_corrupting(config)
    check_place(out, config.data)
    read_earlier(out, resume=resume)  # Before the data are read, which takes long where they are many.
    host = host or load_host(include=config.include)
    plan: CorruptionPlan = plan_corruption(config, host)
    manifest = write_set(plan, host, out, resume=resume, watcher=watcher or Unwatched())
    return CorruptedSet(path=out, manifest=manifest)
