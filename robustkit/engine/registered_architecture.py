"""Architectures by the names under which plugins register them, and the one that a checkpoint is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from robustkit.config import ModelConfig
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.architecture import Architecture, resolve_architecture
from robustkit.engine.source_digest import source_digest
from robustkit.errors import ConfigError, DataError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import build, parse_params
from robustkit.names import normalise
from robustkit.protocols import LoadedCheckpoint


def architecture_of(model: ModelConfig, checkpoint: LoadedCheckpoint, host: Host) -> Architecture:
    """Return the architecture that the user names for a checkpoint, or else the one that its file states.

    Raises:
        ConfigError: none is named, or there is none of that name.
        DataError: the file states one that is not registered.
    """
    if model.model:
        return resolve_architecture(model.model, lambda text: registered_architecture(text, host))
    stated = checkpoint.metadata.get("model", "")
    if not stated:
        known = ", ".join(entry.component.name for entry in host.catalog.all("model"))
        raise ConfigError(
            f"{model.checkpoint} holds weights only: which architecture are they for?",
            f"add --model NAME ({known}), --model FILE.py:callable or --model package.module:callable",
        )
    try:
        # Registered names only: a file must not be able to name code that is then run.
        return registered_architecture(stated, host)
    except ConfigError as error:
        raise DataError(
            f"{model.checkpoint} says that it is for '{stated}', which is no registered architecture",
            f"say with --model what it is for ({error.hint})",
        ) from error


def registered_architecture(spec: str, host: Host, offered: Mapping[str, Any] | None = None) -> Architecture:
    """Return a registered architecture.

    Args:
        spec: its name with parameters, `name:key=value,key=value`.
        host: where it is found.
        offered: values for those of its parameters that the spec leaves open; what it does not have is passed over.

    Raises:
        ConfigError: an unknown name or parameter, or a wrong value.
    """
    raw = parse_shorthand(spec)
    entry = host.catalog.find("model", raw.pop("name"))
    params = parse_params(entry, {**_open_params(entry, raw, offered or {}), **raw})
    return Architecture(
        name=canonical_name(entry, params),
        build=lambda: build(entry, params),
        source_digest=source_digest(entry),
    )


def _open_params(entry: Entry, raw: Mapping[str, Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    given = {normalise(key).replace("-", "_") for key in raw}
    known = {field.name for field in fields(entry.component.params)}
    return {key: value for key, value in offered.items() if key in known - given}
