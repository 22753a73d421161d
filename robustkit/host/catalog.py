"""Every component that was found, and the rules by which a name finds one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from robustkit.components import Component
from robustkit.errors import ConfigError, PluginError
from robustkit.names import did_you_mean, normalise


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A component in the catalog.

    Attributes:
        component: the declaration.
        plugin: the plugin's name, which is the component's namespace.
        dist: the distribution, empty for an included file.
        version: the distribution's version.
        first_party: whether it ships with robustkit.
    """

    component: Component
    plugin: str
    dist: str
    version: str
    first_party: bool

    @property
    def qualified(self) -> str:
        """`plugin/name`, the form that results and manifests store."""
        return f"{self.plugin}/{self.component.name}"


@dataclass
class Catalog:
    """The components by kind and qualified name.

    Attributes:
        broken: plugins that could not be loaded, with the reason; a request for one of theirs names it.
    """

    broken: dict[str, str] = field(default_factory=dict)
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def add(self, entries: Mapping[tuple[str, str], Entry]) -> None:
        """Add the components of one plugin, which are known not to clash."""
        self._entries.update(entries)

    def all(self, kind: str | None = None) -> list[Entry]:
        """Return the entries of a kind (or all), sorted by kind and qualified name."""
        return [entry for (of, _), entry in sorted(self._entries.items()) if kind in (None, of)]

    def find(self, kind: str, name: str) -> Entry:
        """Return the component that a user means by `name`.

        A qualified name is taken as it is. A bare name means the first-party component if there is one, else the only
        third-party one: installing a plugin never changes what a saved command means.

        Raises:
            ConfigError: there is none, or several third-party ones.
            PluginError: it belongs to a plugin that is broken.
        """
        wanted = normalise(name)
        if "/" in wanted:
            found = [entry for entry in self._of(kind) if entry.qualified == wanted]
        else:
            found = [entry for entry in self._of(kind) if entry.component.name == wanted]
            found = [entry for entry in found if entry.first_party] or found
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(entry.qualified for entry in found))
            raise ConfigError(f"{kind} '{name}' is ambiguous: {names}", "write the qualified name")
        raise self._unknown(kind, wanted, name)

    def find_all(self, kind: str, name: str) -> list[Entry]:
        """Return the component that `name` means, or where there is none, what `PLUGIN/TAG` stands for.

        A tag stands for the plugin's components of this kind that carry it, in the order of their declaration.

        Raises:
            ConfigError, PluginError: as `find`.
        """
        plugin, slash, tag = normalise(name).partition("/")
        mine = [entry for entry in self._of(kind) if slash and entry.plugin == plugin]
        tagged = [entry for entry in mine if tag in entry.component.tags]
        known = any(entry.component.name == tag for entry in mine)
        return tagged if tagged and not known else [self.find(kind, name)]

    def _of(self, kind: str) -> Iterator[Entry]:
        return (entry for (of, _), entry in self._entries.items() if of == kind)

    def _unknown(self, kind: str, wanted: str, name: str) -> ConfigError | PluginError:
        namespace = wanted.partition("/")[0] if "/" in wanted else ""
        if namespace in self.broken:
            return PluginError(
                f"{kind} '{name}' belongs to a plugin that could not be loaded: {self.broken[namespace]}",
                "run 'robustkit doctor'",
            )
        known = [entry.qualified for entry in self._of(kind)]
        known += [entry.component.name for entry in self._of(kind)]
        known += sorted({f"{entry.plugin}/{tag}" for entry in self._of(kind) for tag in entry.component.tags})
        hint = did_you_mean(wanted, known) or f"'robustkit list {kind}s' shows what there is"
        elsewhere = [of for of, qualified in self._entries if wanted in (qualified, qualified.partition("/")[2])]
        if elsewhere:
            hint = f"'{name}' is of the kind {elsewhere[0]}"
        if self.broken:
            hint += f" (plugins that could not be loaded: {', '.join(sorted(self.broken))}; see 'robustkit doctor')"
        return ConfigError(f"unknown {kind} '{name}'", hint)
