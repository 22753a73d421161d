"""The worst case over the attacks of a run, as rows of its results table and as facts of its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robustkit.analysis.comparison.conditions import WORST_CASE, Condition, describe_conditions
from robustkit.analysis.comparison.runs import ACCURACY
from robustkit.analysis.comparison.worst_case import AttackedCell, WorstCase, attacked_cell, worst_cases
from robustkit.analysis.statistics.intervals import wilson_interval
from robustkit.store import RunFolder


def find_worst_cases(folder: RunFolder, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, for each model, norm and eps with several attacks, what remains of its samples under all of them.

    Each has `model`, `dataset`, `condition`, `norm`, `eps`, `over` (the attacks), `missing` (attacks that have no
    result), `seed` (the first that was used), `n`, `right` (before), `robust`, and `attacks`: by short name how many
    samples it has `broken`, and how many `alone`.

    Args:
        folder: where the records are.
        manifest: of that run.
    """
    conditions = describe_conditions(manifest["conditions"])
    by_model: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for cell in manifest["cells"]:
        if conditions[cell["condition"]].kind == "attack":
            by_model.setdefault((cell["model"], cell["dataset"]), []).append(cell)
    return [
        {"model": model, "dataset": dataset, **facts}
        for (model, dataset), cells in by_model.items()
        for facts in _of_model(folder, manifest, conditions, cells)
    ]


def worst_case_rows(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row of the results table for each worst case: its accuracy, with Wilson's interval."""
    rows = []
    for facts in found:
        low, high = wilson_interval(facts["robust"], facts["n"])
        rows.append(
            {
                **{key: facts[key] for key in ("model", "dataset", "condition")},
                **{"perturbation": WORST_CASE, "severity": None, "seed": facts["seed"], "source": "generated"},
                **{"metric": ACCURACY, "value": facts["robust"] / facts["n"], "n": facts["n"]},
                **{"ci_low": low, "ci_high": high, "status": "ok", "chance": None, "spec": ""},
            }
        )
    return rows


def worst_case_notes(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the reader of a row should know: which attacks are not in it."""
    return [
        {
            **{key: facts[key] for key in ("model", "condition", "seed")},
            "metric": ACCURACY,
            "note": f"without {', '.join(facts['missing'])}: no result",
        }
        for facts in found
        if facts["missing"]
    ]


def _of_model(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    conditions: Mapping[str, Condition],
    cells: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    known: list[AttackedCell] = []
    missing: list[Condition] = []
    for cell in cells:
        condition = conditions[cell["condition"]]
        records = folder.read_cell(cell["key"], manifest["chunks"])
        outcome = attacked_cell(records, condition, cell["seed"]) if records else None
        if outcome is None:
            missing.append(condition)
        else:
            known.append(outcome)
    seed = min((cell.seed for cell in known), default=0)
    return [_facts(each, seed, missing) for each in worst_cases(known)]


def _facts(worst: WorstCase, seed: int, missing: Sequence[Condition]) -> dict[str, Any]:
    norm, eps = worst.condition.norm, worst.condition.strength
    return {
        "condition": worst.condition.text,
        "norm": norm,
        "eps": eps,
        "over": list(worst.over),
        "missing": [each.text for each in missing if each.norm == norm and each.strength <= eps],
        "seed": seed,
        "n": len(worst.held),
        "right": worst.right,
        "robust": int(worst.held.sum()),
        "attacks": {name: {"broken": broken, "alone": alone} for name, (broken, alone) in worst.attacks.items()},
    }
