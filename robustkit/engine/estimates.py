"""What a metric returns, checked where it is received: plain finite numbers, or a failure of that metric alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Estimate
from robustkit.errors import PluginError
from robustkit.host import Entry

_NUMBERS = ("value", "ci_low", "ci_high", "chance")
_TEXTS = ("interval", "note", "spec")
_DEFECT = "this is a defect of the metric; robustkit.testing.check_metric shows what is expected"


def checked_estimates(entry: Entry, compute: Callable[[Any], Any]) -> Callable[[Any], Estimate | dict[str, Estimate]]:
    """Return a metric's function with its results held to the contract.

    Args:
        entry: the metric, for messages.
        compute: maps records or states to an `Estimate`, or to several by name.
    """

    def computed(given: Any) -> Estimate | dict[str, Estimate]:
        return check_estimates(entry, compute(given))

    return computed


def check_estimates(entry: Entry, found: Any) -> Estimate | dict[str, Estimate]:
    """Return what a metric returned, with plain numbers in the place of numpy's.

    Raises:
        PluginError: it is no estimate, none at all, or one that says nothing or contradicts itself.
    """
    if not isinstance(found, Mapping):
        return _plain(entry, "", found)
    if not found:
        raise _error(entry, "", "at least one estimate", "an empty mapping")
    for name in found:
        if not _is_name(name):
            raise _error(entry, "", "names of printable characters", repr(name))
    return {name: _plain(entry, f", part '{name}'", each) for name, each in found.items()}


def check_state(entry: Entry, found: Any) -> dict[str, NDArray[Any]]:
    """Return what a metric keeps of some samples as arrays that can be stored and read back the same.

    Raises:
        PluginError: it is no mapping from names to numbers.
    """
    if not isinstance(found, Mapping) or not found:
        got = "an empty one" if isinstance(found, Mapping) else type(found).__name__
        raise _error(entry, "", "a state of arrays by name", got)
    for name in found:
        if not _is_name(name):
            raise _error(entry, "", "names of printable characters", repr(name))
        if name == "__metadata__":
            raise _error(entry, "", f"another name than '{name}'", "that, which the format of the file reserves")
    return {name: _array(entry, name, value) for name, value in found.items()}


def _array(entry: Entry, name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (RuntimeError, TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise _error(entry, "", f"numbers as '{name}'", f"{type(value).__name__} {value!r:.60}")
    # Files hold at most 64 bits a number, in this machine's order.
    dtype = np.dtype(np.float64) if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    return array.astype(dtype, copy=False)


def _is_name(name: Any) -> bool:
    """Return whether a part of a metric or its state may be called so, in tables and files."""
    return isinstance(name, str) and name.isprintable() and bool(name.strip())


def _plain(entry: Entry, part: str, found: Any) -> Estimate:
    if not isinstance(found, Estimate):
        raise _error(entry, part, "a robustkit.Estimate", f"{type(found).__name__} {found!r:.60}")
    n = _scalar(found.n)
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise _error(entry, part, "a whole number of samples as n", f"{found.n!r:.60}")
    value, low, high, chance = (_number(entry, part, name, getattr(found, name)) for name in _NUMBERS)
    if value is None and not (low is high is None):
        raise _error(entry, part, "no interval where there is no value", f"{low} to {high}")
    if (low is None) != (high is None):
        raise _error(entry, part, "both ends of the interval or none", f"{low} to {high}")
    if low is not None and high is not None and low > high:
        raise _error(entry, part, "ci_low at or below ci_high", f"{low} to {high}")
    _require_texts(entry, part, found)
    return replace(found, value=value, n=n, ci_low=low, ci_high=high, chance=chance)


def _require_texts(entry: Entry, part: str, found: Estimate) -> None:
    for name in _TEXTS:
        if not isinstance(getattr(found, name), str):
            raise _error(entry, part, f"a string as {name}", f"{getattr(found, name)!r:.60}")
    if not isinstance(found.unreliable, bool):
        raise _error(entry, part, "True or False as unreliable", f"{found.unreliable!r:.60}")
    if found.unreliable and not found.note:
        raise _error(entry, part, "a note that says why the value is unreliable", "none")


def _number(entry: Entry, part: str, name: str, given: Any) -> float | None:
    number = _scalar(given)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
        raise _error(entry, part, f"a finite number or None as {name}", f"{type(given).__name__} {given!r:.60}")
    return float(number)


def _scalar(given: Any) -> Any:
    """Return a number of numpy, or an array of no dimensions, as Python's own."""
    return given.item() if isinstance(given, np.generic | np.ndarray) and given.ndim == 0 else given


def _error(entry: Entry, part: str, expected: str, got: str) -> PluginError:
    return PluginError(
        f"plugin {entry.plugin}, metric '{entry.qualified}'{part}: expected {expected}, got {got}", _DEFECT
    )
