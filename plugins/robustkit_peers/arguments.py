"""From robustkit's parameters to the arguments of a library's attack."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any

from robustkit import ConfigError

NAMES = {
    "steps": ("steps",),
    "step_size": ("abs_stepsize", "alpha"),
    "random_start": ("random_start",),
    "queries": ("n_queries",),
}
"""By parameter, what the libraries call it."""


def defaults(attack: type, eps: float) -> dict[str, Any]:
    """Return the values that an attack has where nothing is said, by the name of robustkit's parameter.

    Args:
        attack: the library's class.
        eps: by which a relative step size is multiplied.
    """
    known = _parameters(attack)
    found = {ours: known[theirs].default for ours in NAMES if (theirs := _theirs(ours, known))}
    if "rel_stepsize" in known and found.get("step_size") is None:
        found["step_size"] = eps * known["rel_stepsize"].default
    return {name: value for name, value in found.items() if value not in (None, Parameter.empty)}


def said(chosen: object) -> dict[str, Any]:
    """Return what the parameters of an attack say, by the name of robustkit's parameter; those left out are not in it.

    Args:
        chosen: has some of the names as attributes; None where nothing is said.
    """
    return {name: value for name in NAMES if (value := getattr(chosen, name, None)) is not None}


def arguments(attack: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for an attack's class.

    Args:
        attack: the library's class.
        given: what `said` returns.

    Raises:
        ConfigError: the attack has no such argument.
    """
    known = _parameters(attack)
    for name in given:
        if not _theirs(name, known):
            takes = ", ".join(each for each in NAMES if _theirs(each, known))
            raise ConfigError(
                f"{attack.__name__} has nothing like '{name}'", f"leave it out; it takes {takes or 'none of these'}"
            )
    return {_theirs(name, known): value for name, value in given.items()}


def _parameters(attack: type) -> Mapping[str, Parameter]:
    return signature(attack).parameters


def _theirs(name: str, known: Mapping[str, Parameter]) -> str:
    return next((each for each in NAMES[name] if each in known), "")
