"""Names of components: their form, how they are compared, and what a mistyped one may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def normalise(name: str) -> str:
    """Return the form in which names are compared: lower case, `_` as `-`.

    >>> normalise("Gaussian_Noise")
    'gaussian-noise'
    """
    return name.strip().lower().replace("_", "-")


def is_valid(name: str) -> bool:
    """Return whether a declared name (without namespace) has the one allowed form.

    >>> is_valid("gaussian-noise"), is_valid("Gaussian Noise"), is_valid("a/b")
    (True, False, False)
    """
    return _NAME.fullmatch(name) is not None


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return the closest options as a question, or an empty string if nothing is close.

    >>> did_you_mean("gausian-noise", ["gaussian-noise", "fog"])
    "did you mean 'gaussian-noise'?"
    """
    from difflib import SequenceMatcher, get_close_matches

    found = get_close_matches(name, list(options), n=3, cutoff=0.6)
    if not found:
        return ""
    if SequenceMatcher(None, name, found[0]).ratio() > 0.9:
        found = found[:1]
    return "did you mean " + " or ".join(f"'{option}'" for option in found) + "?"
