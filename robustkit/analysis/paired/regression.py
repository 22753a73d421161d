"""Which differences count as a regression."""

from __future__ import annotations

from collections.abc import Sequence

from robustkit.analysis.paired.line import Line


def regressions(lines: Sequence[Line], margin: float, rule: str = "joint") -> list[Line]:
    """Return the lines in which the second side is worse by more than a margin.

    Args:
        lines: differences of accuracy.
        margin: 0 or more.
        rule: `point`: the difference is below −margin. `interval`: and the line's own 95 % interval lies below 0.
            `joint`: and the interval that holds for all lines together does, so that the chance of a false alarm is
            that of one line, however many there are. A line without an interval counts by its difference alone.

    >>> line = Line(id="clean", kind="clean", title="", metric="", n=9, first=0.9, second=0.8, difference=-0.1)
    >>> len(regressions([line], 0.05)), len(regressions([line], 0.15))
    (1, 0)
    """
    return [line for line in lines if _worse(line, margin) and _sure(line, rule)]


def _worse(line: Line, margin: float) -> bool:
    return line.difference is not None and line.difference < -margin


def _sure(line: Line, rule: str) -> bool:
    end = {"point": None, "interval": line.high, "joint": line.joint_high}[rule]
    return end is None or end < 0
