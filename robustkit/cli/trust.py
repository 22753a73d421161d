"""How trust checks are shown on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robustkit.store.checks import Check


def trust_line(checks: Sequence[Check]) -> str:
    """Return how many checks came to what."""
    from robustkit.store.checks import tally

    return f"trust: {tally(checks)}"


def check_lines(checks: Iterable[Check]) -> list[str]:
    """Return one line a check that did not pass, the worst first; those that share all but the model share a line.

    The items that only a person can check come last, in one line.
    """
    from robustkit.store.checks import STATUSES, describe

    together: dict[tuple[str, str], list[str]] = {}
    manual: list[str] = []
    for check in sorted(checks, key=lambda check: STATUSES.index(check.status)):
        if check.group == "manual":
            manual.append(check.title)
        elif check.status != "pass":
            about = " · ".join(part for part in (check.model, check.condition) if part)
            seed = "" if check.seed is None or not check.condition else f" · seed {check.seed}"
            together.setdefault((check.status.upper(), describe(check)), []).append(about + seed)
    lines = [f"{status} {', '.join(filter(None, about))}: {text}" for (status, text), about in together.items()]
    return [*lines, *([f"not checked by this tool: {', '.join(manual)}"] if manual else [])]


def trust_block(checks: Sequence[Check]) -> list[str]:
    """Return the lines of `robustkit show`; none where the run has no checks."""
    if not checks:
        return []
    return [trust_line(checks), *(f"  {line}" for line in check_lines(checks))]
