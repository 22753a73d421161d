"""The grid: conditions with canonical names, cells with content addresses, chunks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Attack, Modality, Perturbation, ThreatModel
from robustkit.config import RunConfig
from robustkit.config.schema import Precision
from robustkit.engine.source_digest import package_digest
from robustkit.errors import ConfigError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import parse_params, resolve_params
from robustkit.names import normalise
from robustkit.protocols import ImageDataset
from robustkit.store import SCHEMA_VERSION

CHUNK = 2048
"""Samples a chunk: the unit of commit, retry and resume."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A part of a stored -C set.

    Attributes:
        component: qualified name of the perturbation.
        name: as its file or folder is called.
        severity: as stored.
        dataset: the degraded images.
        written_as: the canonical string of the condition that they were generated under; empty if unknown.
        seed: that they were generated with; None if unknown.
        jpeg: quality of the files that they were written to; None where they are no JPEG files, or if unknown.
        citation: of the perturbation.
        tags: of the perturbation.
        digest: sha256 of the evaluated samples; empty until it is known.
    """

    component: str
    name: str
    severity: int
    dataset: ImageDataset
    written_as: str = ""
    seed: int | None = None
    jpeg: int | None = None
    citation: str = ""
    tags: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is done to the inputs.

    Attributes:
        text: the canonical string, with every parameter; `clean` for none. `-p` and `-a` read it back.
        kind: clean, perturbation or attack.
        severity: of a perturbation; 0 for clean; None for an attack.
        entry: the component; None for clean and stored ones.
        params: its validated, resolved parameters.
        threat_model: of an attack.
        search: the precision in which an attack searches, None for that of the run, in which what it finds is judged.
        stochastic: whether it is evaluated under every seed.
        source: digest of the plugin's source; empty for clean and stored ones.
        stored: where its images are, if they are not made in the run.
    """

    text: str
    kind: Literal["clean", "perturbation", "attack"]
    severity: float | None
    entry: Entry | None = None
    params: Any = None
    threat_model: ThreatModel | None = None
    search: Precision | None = None
    stochastic: bool = False
    source: str = ""
    stored: Stored | None = None

    @property
    def component(self) -> str:
        """Qualified name of the component, or `clean`."""
        if self.stored is not None:
            return self.stored.component
        return self.entry.qualified if self.entry else "clean"

    @property
    def origin(self) -> Literal["stored", "generated"]:
        """Whether the inputs are files of the user, as clean ones are, or were made in the run."""
        return "stored" if self.stored is not None or self.kind == "clean" else "generated"

    @property
    def versions(self) -> dict[str, Any]:
        """What decides the result besides the name: version, source and stream of the plugin, or what is stored."""
        if self.stored is not None:
            return {"stored": self.stored.digest}
        if self.entry is None:
            return {}
        component = cast("Perturbation | Attack", self.entry.component)
        return {"plugin": self.entry.version, "source": self.source, "stream": component.stream_version}


CLEAN = Condition(text="clean", kind="clean", severity=0.0)


def expand_conditions(config: RunConfig, host: Host, shape: tuple[int, int, int] | None) -> list[Condition]:
    """Return `clean` and every condition that the configuration asks for, each once.

    Args:
        config: whose perturbations and attacks are expanded over severities and eps.
        host: where the components are found.
        shape: (C, H, W) of the view, on which `auto` choices rest; None for texts.

    Raises:
        ConfigError: an unknown name or parameter, a severity out of range, a missing eps, an unknown norm.
    """
    found = {each.text: each for each in (CLEAN, *expand_perturbations(config.perturbation, host, shape))}
    for raw in config.attack:
        for entry in _find(host, "attack", raw):
            for condition in _attacks(raw, entry, host, shape):
                found.setdefault(condition.text, condition)
    return list(found.values())


def expand_perturbations(
    perturbations: Sequence[Mapping[str, Any]], host: Host, shape: tuple[int, int, int] | None
) -> list[Condition]:
    """Return the conditions that perturbations of a configuration ask for, each once; see `expand_conditions`."""
    found: dict[str, Condition] = {}
    for raw in perturbations:
        for entry in _find(host, "perturbation", raw):
            for condition in _perturbations(raw, entry, host, shape):
                found.setdefault(condition.text, condition)
    return list(found.values())


def _perturbations(
    raw: Mapping[str, Any], entry: Entry, host: Host, shape: tuple[int, int, int] | None
) -> Iterator[Condition]:
    component = cast("Perturbation", entry.component)
    _check_modality(entry, component.modality, host, shape)
    if raw.get("source", "generated") != "generated":
        raise ConfigError(
            f"{entry.qualified}: source={raw['source']} is for a stored -C set, these are clean data",
            "give the folder of the set with --data",
        )
    own = {key: value for key, value in raw.items() if key not in ("name", "severity", "source")}
    params = parse_params(entry, own)
    params = resolve_params(entry, params, shape) if shape is not None else params
    source = package_digest(entry)
    for severity in numbers(raw.get("severity", list(component.severities)), f"{entry.qualified}: severity"):
        if not 0 <= severity <= max(component.severities):
            raise ConfigError(
                f"{entry.qualified}: severity must lie in 0..{max(component.severities)}, got {severity:g}",
                "for example severity=1..5",
            )
        text = canonical_name(entry, params, severity=severity)
        yield Condition(
            text=text,
            kind="perturbation",
            severity=severity,
            entry=entry,
            params=params,
            stochastic=component.stochastic,
            source=source,
        )


def _attacks(
    raw: Mapping[str, Any], entry: Entry, host: Host, shape: tuple[int, int, int] | None
) -> Iterator[Condition]:
    component = cast("Attack", entry.component)
    _check_modality(entry, component.modality, host, shape)
    norm = normalise(str(raw.get("norm", component.norms[0])))
    if norm not in component.norms:
        known = ", ".join(component.norms)
        raise ConfigError(f"attack '{entry.qualified}' knows no norm '{norm}'", f"it knows {known}")
    if component.needs - {"gradient"}:
        needs = ", ".join(sorted(component.needs - {"gradient"}))
        raise ConfigError(
            f"attack '{entry.qualified}' needs {needs}, which this robustkit cannot give", "update robustkit"
        )
    search = raw.get("search")
    if search is not None and search not in get_args(Precision):
        known = ", ".join(get_args(Precision))
        raise ConfigError(f"attack '{entry.qualified}': unknown precision search={search}", f"choose from {known}")
    own = {key: value for key, value in raw.items() if key not in ("name", "eps", "norm", "search")}
    parsed = parse_params(entry, own)
    if "eps" not in raw:
        raise ConfigError(f"attack '{entry.qualified}' needs an eps", f"for example -a {raw['name']}:eps=8/255")
    source = package_digest(entry)
    for eps in numbers(raw["eps"], f"{entry.qualified}: eps", "8/255 or [2/255,8/255]"):
        if eps <= 0:
            raise ConfigError(f"{entry.qualified}: eps must be above 0, got {eps:g}", "for example eps=8/255")
        if norm == "linf" and eps > 1:
            raise ConfigError(
                f"{entry.qualified}: eps={eps:g} is larger than the whole [0, 1] range", "write it as papers do: 8/255"
            )
        threat_model = ThreatModel(norm=cast("Any", norm), eps=eps)
        params = resolve_params(entry, parsed, threat_model)
        # Named only where it is chosen: it is an experiment's choice, not the threat model's.
        chosen = {} if search is None else {"search": search}
        text = canonical_name(entry, params, before={"eps": eps, "norm": norm, **chosen})
        yield Condition(
            text=text,
            kind="attack",
            severity=None,
            entry=entry,
            params=params,
            threat_model=threat_model,
            search=cast("Precision | None", search),
            stochastic=component.stochastic,
            source=source,
        )


def _check_modality(entry: Entry, wanted: Modality, host: Host, shape: tuple[int, int, int] | None) -> None:
    found = "image" if shape is not None else "text"
    if wanted != found:
        kind = entry.component.kind
        raise ConfigError(
            f"{kind} '{entry.qualified}' is for {wanted} data, these are {found} data", _alternatives(host, kind, found)
        )


def _alternatives(host: Host, kind: str, modality: str) -> str:
    """Return which components of a kind are for a modality, the first few by name."""
    names = [each.qualified for each in host.catalog.all(kind) if getattr(each.component, "modality", "") == modality]
    if not names:
        return f"no {kind} is for {modality} data"
    more = f" and {len(names) - 3} more: 'robustkit list {kind}s'" if len(names) > 3 else ""
    return f"for {modality} data there is {', '.join(names[:3])}{more}"


def _find(host: Host, kind: str, raw: Mapping[str, Any]) -> list[Entry]:
    """Return the component that a name means, or all that a tag stands for."""
    other, flag = {"perturbation": ("attack", "-a"), "attack": ("perturbation", "-p")}[kind]
    try:
        return host.catalog.find_all(kind, raw["name"])
    except ConfigError as error:
        if error.hint == f"'{raw['name']}' is of the kind {other}":
            raise ConfigError(error.message, f"{error.hint}; give it with {flag}") from None
        raise


def numbers(value: Any, where: str, example: str = "3, 1..5 or [1,3.5]") -> list[float]:
    """Return one number or several as a list.

    Args:
        value: what was given.
        where: what it is, for messages.
        example: what it may look like, for hints.

    Raises:
        ConfigError: there is none, or something else than numbers; `where` begins the message.
    """
    items = value if isinstance(value, list | tuple) else [value]
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | float) or not abs(item) < 1e6:
            raise ConfigError(f"{where} must be a number, a range or a list, got {item!r}", f"for example {example}")
    if not items:
        raise ConfigError(f"{where} is an empty list", f"for example {example}")
    return [float(item) for item in items]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The unit of results and caching.

    Attributes:
        model: the model's name in this run.
        condition: what is done to the inputs.
        seed: the root of its random keys.
        key: sha256 of everything that decides its records.
    """

    model: str
    condition: Condition
    seed: int
    key: str


def expand_cells(
    models: Mapping[str, Mapping[str, Any]],
    conditions: Sequence[Condition],
    seeds: Sequence[int],
    common: Mapping[str, Any],
) -> list[Cell]:
    """Return the cells of a run; what draws no random numbers is evaluated under the first seed only.

    Args:
        models: by name, what decides a model's outputs (digests of weights and source, normalisation …).
        conditions: the conditions.
        seeds: the seeds.
        common: what all cells share: dataset, view, sample ids, precision …
    """
    cells = []
    for condition, (name, identity) in product(conditions, models.items()):
        for seed in seeds if condition.stochastic else seeds[:1]:
            facts = {
                "schema": SCHEMA_VERSION,
                "model": identity,
                "condition": condition.text,
                "versions": condition.versions,
                "seed": seed if condition.stochastic else None,
                **common,
            }
            cells.append(Cell(model=name, condition=condition, seed=seed, key=digest(facts)))
    return cells


def digest(facts: Any) -> str:
    """Return the sha256 of the canonical JSON of plain values."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def split_chunks(ids: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the sample ids in chunks of at most `CHUNK` consecutive entries."""
    return [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
