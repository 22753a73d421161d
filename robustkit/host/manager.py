"""Loads plugins one by one, so that a broken one is named and the others go on working."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy

import robustkit
from robustkit import hookspecs
from robustkit.components import Component
from robustkit.errors import ConfigError, PluginError, RobustkitError
from robustkit.host.catalog import Catalog, Entry
from robustkit.host.discover import Source, included_source, installed_sources
from robustkit.host.validate import build, check_declaration
from robustkit.names import did_you_mean, normalise
from robustkit.protocols import CheckpointOptions, LoadedCheckpoint

HEAVY = ("torch", "numpy", "pandas", "pydantic", "matplotlib", "scipy", "tensorflow", "transformers")
"""Imports that a plugin's declarations must not cause."""

COMPONENT_HOOKS = tuple(
    name for name in vars(hookspecs) if name.startswith("robustkit_") and name != "robustkit_load_checkpoint"
)


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


@dataclass(kw_only=True)
class PluginRecord:
    """What became of one plugin.

    Attributes:
        source: where it comes from.
        status: `ok`, `blocked`, `failed` or `incompatible`.
        error: the cause, one line; empty if there is none.
        details: the traceback, for `doctor`.
        hooks: the hooks that it implements.
        components: the qualified names that it contributes.
        load_ms: how long importing it took.
        heavy: heavy modules that importing it pulled in.
    """

    source: Source
    status: str = "ok"
    error: str = ""
    details: str = ""
    hooks: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    load_ms: float = 0.0
    heavy: tuple[str, ...] = ()


@dataclass
class Host:
    """The plugins of one process and their components."""

    records: list[PluginRecord] = field(default_factory=list)
    catalog: Catalog = field(default_factory=Catalog)
    manager: pluggy.PluginManager = field(default_factory=_new_manager)

    def load(self, source: Source) -> PluginRecord:
        """Load one plugin and return what became of it; whatever it raises is recorded, not raised."""
        record = PluginRecord(source=source)
        self.records.append(record)
        plugin: Any = None
        try:
            self._check_name(source)
            plugin = self._import(source, record)
            entries = self._register(plugin, source, record)
        except (Exception, SystemExit) as error:
            record.status = record.status if record.status != "ok" else "failed"
            record.error = _one_line(error)
            record.details = "".join(traceback.format_exception(error))
            record.hooks = ()
            if plugin is not None and self.manager.is_registered(plugin):
                self.manager.unregister(plugin)
            self.catalog.broken.setdefault(source.name, f"{source.identity}: {record.error}")
        else:
            self.catalog.add(entries)
            record.components = tuple(sorted(entry.qualified for entry in entries.values()))
        return record

    def build(self, entry: Entry, raw: dict[str, Any] | None = None) -> Any:
        """Return the implementation of a component for the given raw parameters (see `robustkit.host.validate`)."""
        return build(entry, raw or {})

    def open_with_plugins(self, path: Path, options: CheckpointOptions) -> LoadedCheckpoint | None:
        """Return what the first plugin that knows the file makes of it, or None if none does.

        Raises:
            PluginError: a plugin failed on the file.
        """
        for implementation in reversed(self.manager.hook.robustkit_load_checkpoint.get_hookimpls()):
            arguments = {"path": path, "options": options}
            try:
                opened: Any = implementation.function(*(arguments[name] for name in implementation.argnames))
            except RobustkitError:
                raise
            except (Exception, SystemExit) as error:
                where = implementation.plugin_name
                raise PluginError(
                    f"plugin {where} failed to open {path}: {_one_line(error)}", "leave it out with --no-plugin"
                ) from error
            if isinstance(opened, LoadedCheckpoint):
                return opened
            if opened is not None:
                where = implementation.plugin_name
                raise PluginError(
                    f"plugin {where} must return a LoadedCheckpoint or None, got {type(opened).__name__}",
                    "leave it out with --no-plugin, or mend it",
                )
        return None

    def _check_name(self, source: Source) -> None:
        for record in self.records[:-1]:
            if record.source.name == source.name and record.status != "blocked":
                raise PluginError(
                    f"the plugin name '{source.name}' is already taken by {record.source.identity}",
                    "rename the entry point",
                )

    def _import(self, source: Source, record: PluginRecord) -> Any:
        before = set(sys.modules)
        start = time.perf_counter()
        plugin = source.load()
        record.load_ms = (time.perf_counter() - start) * 1000
        record.heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)
        written_for = getattr(plugin, "robustkit_api", robustkit.PLUGIN_API)
        if written_for != robustkit.PLUGIN_API:
            record.status = "incompatible"
            raise PluginError(
                f"written for plugin API {written_for}, this robustkit has {robustkit.PLUGIN_API}",
                "install a version of the plugin that fits",
            )
        return plugin

    def _register(self, plugin: Any, source: Source, record: PluginRecord) -> dict[tuple[str, str], Entry]:
        self.manager.register(plugin, name=source.identity)
        callers = self.manager.get_hookcallers(plugin) or []
        for caller in callers:
            if not caller.has_spec():
                hint = did_you_mean(caller.name, _hook_names()) or _all_hooks()
                raise PluginError(f"unknown hook '{caller.name}'", hint)
        if not callers:
            raise PluginError("implements no hook; mark functions with @robustkit.hookimpl", _all_hooks())
        record.hooks = tuple(sorted(caller.name for caller in callers))
        entries: dict[tuple[str, str], Entry] = {}
        for name in record.hooks:
            if name in COMPONENT_HOOKS:
                self._collect(name, plugin, source, entries)
        return entries

    def _collect(self, hook: str, plugin: Any, source: Source, entries: dict[tuple[str, str], Entry]) -> None:
        # One implementation is called at a time: pluggy's own call would lose every plugin's results if one raised.
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        function = next(impl.function for impl in implementations if impl.plugin is plugin)
        returned = function()
        if not isinstance(returned, Iterable):
            raise PluginError(
                f"{hook}() must return an iterable of declarations, got {type(returned).__name__}", "return a list"
            )
        for component in returned:
            check_declaration(hook, component)
            entry = _entry(component, source)
            if (component.kind, entry.qualified) in entries:
                raise PluginError(f"{hook}() declares '{component.name}' twice", "give each its own name")
            entries[component.kind, entry.qualified] = entry


def load_host(
    *,
    include: Sequence[str | Path] = (),
    block: Sequence[str] = (),
    allow: Sequence[str] | None = None,
    strict: bool = False,
    warn: Callable[[str], None] | None = None,
) -> Host:
    """Return a host with all installed and included plugins loaded.

    Args:
        include: Python files to load as plugins; one that fails is an error, since it was asked for.
        block: plugins or distributions that must not be imported.
        allow: if given, the only third-party plugins or distributions that may be imported.
        strict: raise on the first plugin that cannot be loaded.
        warn: receives one line for each plugin that cannot be loaded.

    Raises:
        PluginError: an included file cannot be loaded, or, with `strict`, any plugin.
        ConfigError: a name in `block` or `allow` is not a plugin.
    """
    host = Host()
    sources = installed_sources()
    _check_listed([*block, *(allow or ())], sources)
    for source in sources:
        if _is_blocked(source, block, allow):
            host.records.append(PluginRecord(source=source, status="blocked"))
        else:
            _report(host.load(source), strict=strict, warn=warn)
    for path in include:
        _report(host.load(included_source(Path(path))), strict=True, warn=warn)
    return host


def load_host_from_environment(**options: Any) -> Host:
    """Return `load_host(**options)` with what `ROBUSTKIT_PLUGINS` and `ROBUSTKIT_STRICT_PLUGINS` say added.

    `ROBUSTKIT_PLUGINS` is `none` or a comma-separated allow-list of third-party plugins.
    """
    listed = os.environ.get("ROBUSTKIT_PLUGINS")
    if listed is not None and options.get("allow") is None:
        options["allow"] = [name.strip() for name in listed.split(",") if name.strip() not in ("", "none")]
    if os.environ.get("ROBUSTKIT_STRICT_PLUGINS", "") not in ("", "0"):
        options["strict"] = True
    return load_host(**options)


def _check_listed(listed: Sequence[str], sources: Sequence[Source]) -> None:
    known = {source.name for source in sources} | {normalise(source.dist) for source in sources}
    for name in listed:
        if normalise(name) not in known:
            raise ConfigError(
                f"no plugin or distribution '{name}' is installed",
                did_you_mean(normalise(name), known) or "'robustkit plugins' lists them",
            )


def _is_blocked(source: Source, block: Sequence[str], allow: Sequence[str] | None) -> bool:
    names = {source.name, normalise(source.dist)}
    if names & {normalise(name) for name in block}:
        return True
    return allow is not None and not source.first_party and not names & {normalise(name) for name in allow}


def _report(record: PluginRecord, *, strict: bool, warn: Callable[[str], None] | None) -> None:
    if record.status not in ("failed", "incompatible"):
        return
    message = f"plugin {record.source.identity} could not be loaded: {record.error}"
    if strict:
        raise PluginError(message, "'robustkit doctor' shows the details; --no-plugin NAME leaves it out")
    if warn is not None:
        warn(f"{message} (robustkit goes on without it; 'robustkit doctor' shows the details)")


def _entry(component: Component, source: Source) -> Entry:
    return Entry(
        component=component,
        plugin=source.name,
        dist=source.dist,
        version=source.version,
        first_party=source.first_party,
    )


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, RobustkitError):
        return f"{text} ({error.hint})" if error.hint else text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _hook_names() -> list[str]:
    return [*COMPONENT_HOOKS, "robustkit_load_checkpoint"]


def _all_hooks() -> str:
    return "the hooks are " + ", ".join(_hook_names())
