"""The conditions of a stored -C set: which of its parts `-p` asks for, and under which names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Component
from robustkit.config import RunConfig
from robustkit.engine.data.stored import StoredSet
from robustkit.engine.grid import Condition, Stored, numbers
from robustkit.errors import ConfigError, DataError, PluginError
from robustkit.host import Host
from robustkit.names import did_you_mean, is_valid, normalise

_NAMESPACE = "stored"
"""Of corruptions that no first-party plugin declares."""


def choose_stored(config: RunConfig, host: Host, stored: StoredSet[Any]) -> list[Condition]:
    """Return the stored conditions that a configuration asks for, each once; all without a choice.

    They are called `corruptions/fog:source=stored,severity=3`, so that nothing takes them for generated ones. Their
    digests are not computed yet, see `seal`.

    Raises:
        ConfigError: it asks for something that is not stored; the hint lists what is.
        DataError: a part cannot be used, or two have one name.
    """
    declared = _declared(host)
    names = _names(stored, declared)
    if stored.manifest is not None and not config.perturbation:
        stored.manifest.check_there()
    found: dict[str, Condition] = {}
    for raw in config.perturbation or [{"name": component} for component in names]:
        for component in _asked_for(str(raw["name"]), names, host, stored):
            for severity in _severities(raw, component, stored, names[component]):
                condition = _condition(stored, component, names[component], severity, declared)
                found.setdefault(condition.text, condition)
    return list(found.values())


def seal(
    conditions: Sequence[Condition], stored: StoredSet[Any], ids: NDArray[np.int64], *, verify: bool
) -> list[Condition]:
    """Return the conditions with the digests of their samples, after comparing their files with the manifest.

    Args:
        conditions: of a run, stored or not.
        stored: the set.
        ids: of the samples that are evaluated.
        verify: compare large files too.

    Raises:
        DataError: a file cannot be read, or is not what was written.
    """
    checked: set[str] = set()
    sealed = []
    for condition in conditions:
        if (part := condition.stored) is None:
            sealed.append(condition)
            continue
        key = stored.key(part.name, part.severity)
        if key not in checked:
            stored.verify(part.name, part.severity, thorough=verify)
            checked.add(key)
        sealed.append(replace(condition, stored=replace(part, digest=stored.digest(part.name, part.severity, ids))))
    return sealed


def _declared(host: Host) -> dict[str, tuple[str, Component]]:
    """Return qualified name and declaration of the first-party perturbations of images, by bare name."""
    return {
        entry.component.name: (entry.qualified, entry.component)
        for entry in host.catalog.all("perturbation")
        if entry.first_party and getattr(entry.component, "modality", "") == "image"
    }


def _names(stored: StoredSet[Any], declared: Mapping[str, tuple[str, Component]]) -> dict[str, str]:
    """Return how the stored corruptions are called on disk, by qualified name."""
    called: dict[str, list[str]] = {}
    for name in stored.severities:
        called.setdefault(_component(stored, name, declared), []).append(name)
    for names in called.values():
        if len(names) > 1:
            raise DataError(f"{stored.root}: {', '.join(names)} mean the same", "remove all but one")
    return {component: name for component, (name,) in called.items()}


def _component(stored: StoredSet[Any], name: str, declared: Mapping[str, tuple[str, Component]]) -> str:
    """Return the qualified name of a stored corruption: as the manifest says, else that of the published name."""
    if stored.manifest is not None and (component := stored.manifest.component(stored.key(name, _first(stored, name)))):
        return component
    bare = normalise(name)
    if bare in declared:
        return declared[bare][0]
    if not is_valid(bare):
        raise ConfigError(f"{stored.root}: '{name}' is no name of a corruption", "rename it, or remove it")
    return f"{_NAMESPACE}/{bare}"


def _asked_for(name: str, names: Mapping[str, str], host: Host, stored: StoredSet[Any]) -> list[str]:
    """Return the stored components that a name or a tag means."""
    wanted = normalise(name)
    found = [each for each in names if wanted in (each, each.partition("/")[2])]
    if found:
        return found[:1]
    try:
        meant = [entry.qualified for entry in host.catalog.find_all("perturbation", name)]
    except (ConfigError, PluginError):
        meant = [name]
    missing = [each for each in meant if each not in names]
    if missing:
        near = did_you_mean(wanted, [*names, *(each.partition("/")[2] for each in names)]) if meant == [name] else ""
        raise ConfigError(f"{', '.join(missing)}: not stored in {stored.root}", f"{near} {_holds(stored)}".strip())
    return meant


def _severities(raw: Mapping[str, Any], component: str, stored: StoredSet[Any], name: str) -> Iterator[int]:
    own = sorted(set(raw) - {"name", "severity", "source"})
    if own or raw.get("source", "stored") != "stored":
        raise ConfigError(
            f"{component} is stored in {stored.root}: only its severity can be chosen, not {(*own, 'source')[0]}",
            "to generate a corruption, give clean data with --data",
        )
    there = stored.severities[name]
    for severity in numbers(raw.get("severity", list(there)), f"{component}: severity"):
        if severity not in there:
            raise ConfigError(f"{component}: severity {severity:g} is not stored in {stored.root}", _holds(stored))
        yield int(severity)


def _condition(
    stored: StoredSet[Any], component: str, name: str, severity: int, declared: Mapping[str, tuple[str, Component]]
) -> Condition:
    manifest = stored.manifest
    if manifest is not None:
        manifest.check_listed(stored.key(name, severity))
    known = dict(declared.values()).get(component)
    return Condition(
        text=f"{component}:source=stored,severity={severity}",
        kind="perturbation",
        severity=float(severity),
        stored=Stored(
            component=component,
            name=name,
            severity=severity,
            dataset=stored.open(name, severity),
            written_as=manifest.condition(stored.key(name, severity), severity) if manifest else "",
            seed=manifest.seed if manifest else None,
            jpeg=manifest.jpeg if manifest else None,
            citation=known.citation if known else "",
            tags=known.tags if known else (),
        ),
    )


def _first(stored: StoredSet[Any], name: str) -> int:
    return stored.severities[name][0]


def _holds(stored: StoredSet[Any]) -> str:
    """Return what is stored, in words: corruptions with the same severities together."""
    together: dict[tuple[int, ...], list[str]] = {}
    for name, severities in stored.severities.items():
        together.setdefault(severities, []).append(normalise(name))
    parts = [f"{', '.join(names)} (severity {', '.join(map(str, levels))})" for levels, names in together.items()]
    return f"it holds {'; '.join(parts)}"
