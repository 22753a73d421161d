"""The one-line form of a component and its parameters: `fog:severity=1..5,profile=cifar`."""

from __future__ import annotations

import json
import re
from typing import Any

from robustkit.errors import ConfigError

_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FRACTION = re.compile(r"([+-]?\d{1,18}(?:\.\d{1,18})?)\s*/\s*(\d{1,18}(?:\.\d{1,18})?)", re.ASCII)
_RANGE = re.compile(r"([+-]?\d{1,18})\.\.([+-]?\d{1,18})", re.ASCII)
_LONGEST = 10_000
"""Values of a range: more conditions than anybody means."""

_WORDS = {"true": True, "false": False, "none": None}


def parse_shorthand(text: str) -> dict[str, Any]:
    """Return `{"name": …, key: value, …}` for `NAME` or `NAME:key=value,key=value`.

    Values are integers, numbers, fractions as papers write them (`8/255`), ranges (`1..5`), lists (`[1,3,5]`), `true`,
    `false`, `none`, or else strings; quoted where they hold a comma or would mean something else.

    Raises:
        ConfigError: an item is not `key=value`, a key comes twice, or a range is empty.

    >>> parse_shorthand("pgd:eps=1/4,steps=20")
    {'name': 'pgd', 'eps': 0.25, 'steps': 20}
    >>> parse_shorthand("fog:severity=1..3,profile=cifar")
    {'name': 'fog', 'severity': [1, 2, 3], 'profile': 'cifar'}
    """
    name, _, rest = text.partition(":")
    parsed: dict[str, Any] = {"name": name.strip()}
    if not parsed["name"]:
        raise ConfigError(
            f"expected NAME or NAME:key=value,…, got '{text}'", "for example gaussian-noise:severity=1..5"
        )
    for item in _split_items(rest):
        key, equals, value = item.partition("=")
        key = key.strip()
        if not equals or not key or not value.strip():
            raise ConfigError(
                f"'{text}': expected key=value, got '{item}'",
                "for example pgd:eps=8/255,steps=20 or fog:severity=[1,3]",
            )
        if key in parsed:
            raise ConfigError(f"'{text}': '{key}' is given twice", "give each parameter once")
        parsed[key] = parse_value(value.strip())
    return parsed


def parse_value(text: str) -> Any:
    """Return the value that a word of the shorthand stands for.

    >>> parse_value("8/255") == 8 / 255, parse_value("[1,2.5]"), parse_value("none"), parse_value("cifar")
    (True, [1, 2.5], None, 'cifar')
    """
    if text.startswith('"'):
        return _unquote(text)
    if text.startswith("[") and text.endswith("]"):
        return [parse_value(item.strip()) for item in _split_items(text[1:-1])]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return _number_or_text(text)


def _number_or_text(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    if match := _RANGE.fullmatch(text):
        low, high = int(match[1]), int(match[2])
        if high - low >= _LONGEST:
            raise ConfigError(f"the range {text} has more than {_LONGEST} values", "name fewer")
        if low > high:
            raise ConfigError(f"the range {text} is empty", "write the smaller end first, for example 1..5")
        return list(range(low, high + 1))
    if (match := _FRACTION.fullmatch(text)) and float(match[2]) != 0:
        return float(match[1]) / float(match[2])
    try:
        return float(text)
    except ValueError:
        return text


def _unquote(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, str):
        raise ConfigError(f"expected a quoted string, got {text}", 'close the quotes, for example name="a,b"')
    return value


def _split_items(text: str) -> list[str]:
    """Split at commas that are inside neither brackets nor quotes."""
    items, depth, quoted, current, before = [], 0, False, "", ""
    for character in text:
        quoted ^= character == '"' and before != "\\"
        depth += 0 if quoted else (character == "[") - (character == "]")
        if character == "," and depth == 0 and not quoted:
            items.append(current)
            current = ""
        else:
            current += character
        before = character
    return [item for item in [*items, current] if item.strip()]
