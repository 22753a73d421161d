"""What a statistic is given, as the numbers it needs, or a `DataError` that says what was expected and what was got."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robustkit.errors import DataError

_REAL = "biuf"  # numpy's kinds of numbers: bool, signed and unsigned integers, floats


def finite_array(name: str, values: ArrayLike, *shape: int | None) -> NDArray[np.float64]:
    """Return values as float64.

    Args:
        name: what they are, for the message.
        values: an array, or lists.
        shape: what it must be, None for any length; without, any shape will do.

    Raises:
        DataError: they are no real numbers, one is not finite, or the shape is another.

    >>> finite_array("differences", [[1], [0]], None, 1).tolist()
    [[1.0], [0.0]]
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths, or what numpy cannot read
        array = np.asarray(None)
    wanted = f"({', '.join('any' if each is None else str(each) for each in shape)})" if shape else "any"
    fits = not shape or (
        array.ndim == len(shape) and all(each in (None, have) for each, have in zip(shape, array.shape, strict=True))
    )
    if array.dtype.kind not in _REAL or not fits or not np.isfinite(array).all():
        what = f"{array.dtype} of shape {array.shape}" if array.dtype.kind in _REAL else f"{values!r:.60}"
        if array.dtype.kind in _REAL and fits:
            what += f" with {np.count_nonzero(~np.isfinite(array))} that are not"
        raise DataError(f"{name}: expected finite numbers of shape {wanted}, got {what}", "leave undefined ones out")
    return array.astype(np.float64)


def number(name: str, value: float, low: float = -inf, high: float = inf, *, inside: bool = False) -> float:
    """Return a finite number within [low, high].

    Args:
        name: of the argument.
        value: the number.
        low: the least.
        high: the most.
        inside: whether the ends are excluded.

    Raises:
        DataError: it is something else.

    >>> number("level", 0.95, 0, 1, inside=True)
    0.95
    """
    if not _is_finite(value) or not low <= value <= high or (inside and value in (low, high)):
        wanted = f"{'above' if inside else 'from'} {low:g} {'and below' if inside else 'to'} {high:g}"
        raise DataError(f"expected a finite {name} {wanted}, got {name}={value!r:.40}", f"choose another {name}")
    return float(value)


def whole(name: str, value: int, least: int) -> int:
    """Return a whole number that is not below the least.

    Raises:
        DataError: it is something else.

    >>> whole("n", 3, least=1)
    3
    """
    if not _is_finite(value) or value != int(value) or value < least:
        raise DataError(
            f"expected a whole number {name} >= {least}, got {name}={value!r:.40}", f"choose another {name}"
        )
    return int(value)


def _is_finite(value: object) -> bool:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return False
    return array.ndim == 0 and array.dtype.kind in _REAL and bool(np.isfinite(array))


def exponents(values: NDArray[np.float64]) -> NDArray[np.intc]:
    """Return for each column the power of two that brings its largest magnitude below 1.

    To be taken out with `numpy.ldexp` before squares are formed, which is exact and keeps them from over- and
    underflow.

    Args:
        values: (n, …), n >= 1.

    >>> exponents(np.array([1e200, -3.0])).item() > 600, exponents(np.array([[3.0, 0.5]])).tolist()
    (True, [2, 0])
    """
    return np.asarray(np.frexp(np.abs(values).max(axis=0))[1])
