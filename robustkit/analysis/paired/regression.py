"""Which differences count as a regression."""

from __future__ import annotations

from collections.abc import Sequence

from robustkit.analysis.paired.line import Line
from robustkit.analysis.statistics.power import mcnemar_detectable


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


def blind_note(lines: Sequence[Line], margin: float, rule: str = "joint") -> str:
    """Return which lines rest on so few samples that a regression of just the margin would probably go unseen.

    Empty where there is none, and under the rule `point`, which asks for no evidence. A line that has no interval
    counts by its difference alone and is never blind. At a margin of 0 only samples that can show nothing count.

    Args:
        lines: differences of accuracy.
        margin: 0 or more.
        rule: as for `regressions`.

    >>> line = Line(id="clean", kind="clean", title="clean", metric="", n=9, first=0.9, second=0.9, lost=0, gained=0)
    >>> blind_note([line], 0.05).partition(":")[0]
    'the gate could hardly have fired at 0.05 in 1 of 1 line(s)'
    """
    blind = [] if rule == "point" else [line for line in lines if _blind(line, margin)]
    if not blind:
        return ""
    named = ", ".join(f"{line.title} (n={line.n})" for line in blind[:3]) + (", …" if len(blind) > 3 else "")
    return (
        f"the gate could hardly have fired at {margin:g} in {len(blind)} of {len(lines)} line(s): {named}: with so few "
        "samples a difference of that size is found with a power below 80 %; evaluate more, or allow a larger one"
    )


def _blind(line: Line, margin: float) -> bool:
    found = line.detectable
    if line.lost is not None and line.gained is not None:
        # A difference as large as the margin has as many discordant samples, even if these models have fewer.
        share = max(margin, (line.lost + line.gained) / line.n) if margin else 1.0
        found = mcnemar_detectable(line.n, share)
        if found is None:
            return True
    return found is not None and found > margin > 0
