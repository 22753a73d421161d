"""How trust checks are shown on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robustkit.store.checks import Check

MOST_LINES = 10
"""Checks that did not pass, of those that `eval` names: one may warn in every condition."""


def trust_line(checks: Sequence[Check]) -> str:
    """Return how many checks came to what."""
    from robustkit.store.checks import tally

    return f"trust: {tally(checks)}"


def check_lines(checks: Iterable[Check]) -> list[str]:
    """Return one line a check that failed or warns, the worst first, and one for each reason why others were not run.

    The items that only a person can check come last, in one line.
    """
    checks = list(checks)
    from robustkit.store.checks import STATUSES, describe

    lines = [
        f"{check.status.upper()} {_about(check)}: {describe(check)}"
        for check in sorted(checks, key=lambda check: STATUSES.index(check.status))
        if check.status in ("fail", "warn")
    ]
    skipped = [check for check in checks if check.status == "not run" and check.group != "manual"]
    for about, reason in dict.fromkeys((_about(check), check.advice) for check in skipped):
        titles = [check.title for check in skipped if (_about(check), check.advice) == (about, reason)]
        lines.append(f"NOT RUN {about}: {'; '.join(titles)}: {reason}")
    manual = [check.title for check in checks if check.group == "manual"]
    return [*lines, *([f"not checked by this tool: {'; '.join(manual)}"] if manual else [])]


def _about(check: Check) -> str:
    seed = f"seed {check.seed}" if check.condition and check.seed is not None else ""
    return " · ".join(part for part in (check.model, check.condition, seed) if part)


def trust_block(checks: Sequence[Check]) -> list[str]:
    """Return the lines of `robustkit show`; none where the run has no checks."""
    if not checks:
        return []
    return [trust_line(checks), *(f"  {line}" for line in check_lines(checks))]
