"""TOML files in and out, and `--set a.b=value`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from robustkit.errors import ConfigError
from robustkit.names import did_you_mean


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        ConfigError: it is missing, unreadable or not TOML; the message names the line.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"the configuration {path} is not a file", "name a TOML file")
        return tomllib.loads(path.read_text("utf8"))
    except FileNotFoundError:
        siblings = [str(sibling) for sibling in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        hint = did_you_mean(str(path), siblings) or "'robustkit init' writes one"
        raise ConfigError(f"no such configuration file: {path}", hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}", "name a TOML file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", "strings need quotes; see https://toml.io") from error


def write_toml(values: dict[str, Any]) -> str:
    """Return the TOML text of a configuration; entries that are None are left out, as TOML has no null."""
    import tomli_w

    return tomli_w.dumps(_without_none(values))


def apply_setting(values: dict[str, Any], setting: str) -> None:
    """Set one `dotted.key=value` in place; the value is read as TOML, or as a string where it is not TOML.

    Items of a list are named by their position, counted from 0: `model.0.normalize=cifar10`.

    Raises:
        ConfigError: it is not `key=value`, or the path leads through something that is not a table.
    """
    dotted, equals, text = setting.partition("=")
    keys = [key.strip().replace("-", "_") for key in dotted.split(".")]
    if not equals or not all(keys):
        raise ConfigError(f"--set: expected key=value, got '{setting}'", "for example --set batch_size=64")
    table: Any = values
    for key in keys[:-1]:
        table = _descend(table, key, setting)
    if isinstance(table, list):
        table[_position(table, keys[-1], setting)] = _toml_value(text)
    elif isinstance(table, dict):
        table[keys[-1]] = _toml_value(text)
    else:
        raise ConfigError(
            f"--set: '{setting}' leads through a value that is not a table", "'robustkit init' shows the tables"
        )


def _descend(table: Any, key: str, setting: str) -> Any:
    if isinstance(table, list):
        return table[_position(table, key, setting)]
    if isinstance(table, dict):
        return table.setdefault(key, {})
    raise ConfigError(
        f"--set: '{setting}' leads through a value that is not a table", "'robustkit init' shows the tables"
    )


def _position(items: list[Any], key: str, setting: str) -> int:
    if not (key.isascii() and key.isdigit()) or int(key) >= len(items):
        raise ConfigError(f"--set: '{setting}': there is no item {key} among {len(items)}", "items count from 0")
    return int(key)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value


def line_of(text: str, key: str) -> int | None:
    r"""Return the number of the first line that sets `key`, or None.

    >>> line_of("a = 1\n  bee = 2", "bee")
    2
    """
    pattern = re.compile(rf"^\s*(?:\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*(?:=|\]|\.)")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return number
    return None
