"""Limits of axes: all that is drawn is inside, with air around it."""

from __future__ import annotations

from collections.abc import Iterable

from robustkit.analysis.specs import Axis, Better


def limits(
    values: Iterable[float | None],
    *,
    bounds: tuple[float, float] | None = None,
    air: float = 0.08,
    least: float = 0.02,
) -> tuple[float, float]:
    """Return limits around the values.

    Args:
        values: what is drawn; None is passed over.
        bounds: what values cannot exceed: the limits go no further than a little beyond.
        air: share of the span that is added at each end.
        least: the smallest span.

    >>> low, high = limits([0.5, 0.7, None], air=0.1)
    >>> round(low, 6), round(high, 6)
    (0.48, 0.72)
    """
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    missing = max(least - (high - low), 0.0)
    low, high = low - missing / 2, high + missing / 2
    span = high - low
    low, high = low - air * span, high + air * span
    if bounds is not None:
        beyond = 0.04 * span
        low, high = max(low, bounds[0] - beyond), min(high, bounds[1] + beyond)
    return low, high


def share_axis(label: str, values: Iterable[float | None], *, air: float = 0.08, better: Better = "higher") -> Axis:
    """Return the axis of a share in [0, 1], printed in per cent."""
    low, high = limits(values, bounds=(0.0, 1.0), air=air)
    return Axis(label=label, low=low, high=high, unit="%", better=better)
