"""Whether the clean accuracy is that of a working model."""

from __future__ import annotations

import numpy as np

from robustkit.analysis.statistics.intervals import wilson_interval
from robustkit.analysis.trust.sealed import Cell
from robustkit.store.checks import Check, Number, Status, judged, not_run


def clean_checks(cell: Cell | None, expected: float | None) -> list[Check]:
    """Return the checks of a model's clean cell.

    Args:
        cell: the clean one; None where the run has none.
        expected: the accuracy that the user expects; None for nothing in particular.
    """
    names = ("chance", *(("expected-clean",) if expected is not None else ()))
    if cell is None or cell.records is None:
        return not_run(names, "the run has no clean accuracy")
    right, n = int(cell.right.sum()), len(cell.right)
    low, high = wilson_interval(right, n)
    numbers: dict[str, Number] = {"accuracy": right / n, "ci_low": low, "ci_high": high, "n": n}
    checks = [_chance(numbers, low, len(np.unique(cell.records["label"])))]
    if expected is not None:
        advice = "the model was better elsewhere: check --normalize, --view, the split, and the order of the classes"
        status: Status = "fail" if high < expected else "pass"
        checks.append(judged("expected-clean", status, {**numbers, "expected": expected}, advice))
    return checks


def _chance(numbers: dict[str, Number], low: float, classes: int) -> Check:
    """Return whether the accuracy is above chance beyond its interval: below that, nothing else says anything."""
    if classes < 2:
        return not_run(["chance"], "the samples are all of one class")[0]
    advice = (
        "the model does not know these data: check --normalize, --view and the order of the classes, or evaluate more "
        "samples"
    )
    return judged("chance", "pass" if low > 1 / classes else "fail", {**numbers, "chance": 1 / classes}, advice)
