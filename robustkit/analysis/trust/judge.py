"""All checks of a run, in the order of reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from robustkit.analysis.trust.attacked import attack_checks, strength
from robustkit.analysis.trust.clean import clean_checks
from robustkit.analysis.trust.confirm import confirm
from robustkit.analysis.trust.sealed import Cell, read_cells
from robustkit.analysis.trust.trends import trend_checks
from robustkit.store import RunFolder
from robustkit.store.checks import CHECKS, Check, Probed, not_run

MANUAL = {
    "adaptive-attack": "not checked by this tool: was the model attacked with an attack made for its defence "
    "(Carlini et al. 2019; Tramer et al. 2020)?",
    "threat-model": "not checked by this tool: is it said what the attacker knows, may do and wants?",
    "released-code": "not checked by this tool: can others run the code and the weights?",
}
"""Items of Carlini et al. (2019), On evaluating adversarial robustness, that only a person can check."""


def judge(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    checks: Sequence[Check],
    probed: Sequence[Probed],
    expected_clean: float | None = None,
) -> list[Check]:
    """Return the checks of a run on images: those that probes made, weighed, and those that follow from its records.

    Args:
        folder: with the records.
        manifest: of the run.
        checks: what the probes of the models found.
        probed: what they broke.
        expected_clean: the clean accuracy that the user expects of every model.
    """
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in read_cells(folder, manifest):
        cells[cell.model].append(cell)
    found: list[Check] = []
    for model, of_model in cells.items():
        attacked = [cell for cell in of_model if cell.is_attack]
        clean = next((cell for cell in of_model if not cell.is_attack), None)
        own = [*(check for check in checks if check.model == model), *clean_checks(clean, expected_clean)]
        own += [strength(each, attacked) for each in probed if each.model == model]
        own += trend_checks(attacked, manifest["conditions"])
        for cell in attacked:
            own += [replace(check, condition=cell.condition, seed=cell.seed) for check in attack_checks(cell)]
        found += _ordered([replace(check, model=model) for check in confirm(own)])
    if any(cell.is_attack for of_model in cells.values() for cell in of_model):
        found += [check for name, advice in MANUAL.items() for check in not_run([name], advice)]
    return found


def _ordered(checks: Sequence[Check]) -> list[Check]:
    order = {name: place for place, name in enumerate(CHECKS)}
    return sorted(checks, key=lambda check: order[check.id])
