"""What is said of parameters that a component does not take, instead of what pydantic says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from robustkit.errors import ConfigError
from robustkit.host.catalog import Entry
from robustkit.names import did_you_mean

_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")


def refusal(entry: Entry, problems: Sequence[Mapping[str, Any]]) -> ConfigError:
    """Return the error that names the parameters that are missing, or else the first that is wrong.

    Args:
        entry: the component.
        problems: what pydantic found, one or more.
    """
    whose = f"{entry.component.kind} '{entry.qualified}'"
    shown = f"'robustkit describe {entry.qualified}' shows the parameters"
    if missing := [str(each["loc"][0]) for each in problems if each["type"] == "missing"]:
        return ConfigError(f"{whose} needs {','.join(f'{name}=…' for name in missing)}", shown)
    # Of what may be one value or several, each alternative has its errors; the deepest is about what was written.
    about = [each for each in problems if each["loc"][0] == problems[0]["loc"][0]]
    first = max(about, key=lambda each: len(each["loc"]))
    where = ".".join([str(first["loc"][0]), *(str(part) for part in first["loc"] if isinstance(part, int))])
    said = "; as a number: ".join([first["msg"], *_bound(first, about)])
    message = f"{whose}, parameter '{where}': {said}, got {first.get('input')!r:.60}"
    return ConfigError(message, _meant(first) or shown)


def _bound(first: Mapping[str, Any], about: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what bounds a number that was written where a word or a number may be; nothing for anything else."""
    beside = [each for each in about if first["type"] == "literal_error" and len(each["loc"]) == len(first["loc"])]
    return [each["msg"] for each in beside if each["type"] in _BOUNDS][:1]


def _meant(problem: Mapping[str, Any]) -> str:
    """Return which of the allowed words a mistyped one may have meant."""
    if problem["type"] != "literal_error":
        return ""
    return did_you_mean(str(problem["input"]), re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
