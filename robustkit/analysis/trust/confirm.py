"""The rule that weighs signs of masked gradients together: one alone warns, two that are independent fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from robustkit.store.checks import Check

SIGNS = {
    "zero-gradient": "gradient",
    "finite-differences": "finite differences",
    "iterations": "iterations",
    "loss-rises": "loss",
    "unbounded": "unbounded",
    "random-corners": "search without gradients",
    "black-box": "search without gradients",
}
"""Signs of masking, and what each rests on: two that rest on the same do not confirm each other."""


def confirm(checks: Sequence[Check]) -> list[Check]:
    """Return one model's checks with the weak signs of masking that others confirm raised to failures.

    * Each sign has a bar of its own above which it fails by itself.
    * Below that it warns; where signs that rest on different things come together, all of them fail: chance produces
      one of them now and then on a healthy model, and hardly two. Robustkit's choice.
    * A blind cross-entropy is no masking: other losses see. It fails where the run's attacks missed for it what
      robustkit's probes find, as `strength` says.
    """
    fired = [check for check in checks if check.status in ("warn", "fail")]
    confirmed = len({SIGNS[check.id] for check in fired if check.id in SIGNS}) > 1
    missed = any(check.id == "strength" for check in fired)
    return [_raised(check, fired, confirmed, missed) for check in checks]


def _raised(check: Check, fired: Sequence[Check], confirmed: bool, missed: bool) -> Check:
    if check.status != "warn":
        return check
    if check.id in SIGNS and confirmed:
        others = dict.fromkeys(each.id for each in fired if each.id in SIGNS and each.id != check.id)
        return replace(check, status="fail", advice=f"{check.advice} (confirmed by {', '.join(others)})")
    if check.id == "cross-entropy" and missed:
        return replace(check, status="fail", advice=f"{check.advice} (and this run's attacks missed samples)")
    return check
