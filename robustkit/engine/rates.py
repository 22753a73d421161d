"""Checks that text noise did what its severity says: the measured character error rate against the one aimed at."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from robustkit.engine.aimed_rate import aimed_rate
from robustkit.engine.plan import Plan
from robustkit.protocols import TextDataset
from robustkit.store import RunFolder
from robustkit.store.checks import Check, Status, judged

TOLERANCE = 0.1
"""How far the measured rate may be from the aim, as a share of the aim: robustkit's choice."""

_STANDARD_ERRORS = 3


def check_rates(plan: Plan, folder: RunFolder) -> list[Check]:
    """Return one check a stored text condition and seed, with the rate aimed at and the one measured.

    The rate is that of all texts together: edited characters over characters. It fails where it is off by more than
    the tolerance and by more than rounding to whole edits explains; where only rounding may explain it, it warns.
    """
    if plan.modality != "text":
        return []
    lengths = np.array([len(text) for text in cast("TextDataset", plan.dataset).read(plan.ids)], dtype=np.float64)
    checks: dict[tuple[str, int], Check] = {}
    for cell in plan.cells:
        condition, place = cell.condition, (cell.condition.text, cell.seed)
        records = None if place in checks else folder.read_cell(cell.key, len(plan.chunks))
        if records is None or "cer" not in records or condition.entry is None:
            continue
        aim = aimed_rate(condition)
        measured = float((records["cer"].astype(np.float64) * lengths).sum() / lengths.sum())
        rounded = (aim * lengths) % 1
        slack = _STANDARD_ERRORS * float(np.sqrt((rounded * (1 - rounded)).sum()) / lengths.sum())
        advice = (
            "the texts may have too few characters that this noise can change; see the column 'cer'"
            if measured < aim
            else "the noise changes more than it says: a defect of the plugin"
        )
        check = judged(
            "character-error-rate", _status(aim, measured, slack), {"aim": aim, "measured": measured}, advice
        )
        checks[place] = replace(check, condition=condition.text, seed=cell.seed)
    return list(checks.values())


def _status(aim: float, measured: float, slack: float) -> Status:
    off = abs(measured - aim)
    if off <= TOLERANCE * aim:
        return "pass"
    return "fail" if off > TOLERANCE * aim + slack else "warn"
