"""From per-sample records to the results table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.conditions import source_of
from robustkit.components import Estimate, is_measured_on
from robustkit.errors import DataError, PluginError
from robustkit.store import RunFolder

Estimates = Estimate | Mapping[str, Estimate]
FromRecords = Callable[[Mapping[str, NDArray[Any]]], Estimates]
FromStates = Callable[[list[dict[str, NDArray[Any]]]], Estimates]


@dataclass(kw_only=True)
class Results:
    """The results table and what belongs to it.

    Attributes:
        rows: one a (model, dataset, condition, seed, metric).
        intervals: by metric, and by metric and part as rows have it, how the intervals were made.
        failures: one entry for each metric that failed on a cell.
        notes: what the reader of a row should know: why it has no value, or how far to trust it.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    intervals: dict[str, str] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)


def results_table(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    from_records: Mapping[str, FromRecords],
    from_states: Mapping[str, FromStates],
    failed: Collection[str] = (),
) -> Results:
    """Return the results of all sealed cells, in the order of the manifest's cells.

    A metric that fails on a cell has no row there and costs no other row.

    Args:
        folder: where the records are.
        manifest: of that run; its metrics are in the order of the rows.
        from_records: by the name that the rows carry, the metrics that read records.
        from_states: those that read what was measured with the model.
        failed: keys of cells that are known to have no result.
    """
    results, clean = Results(), _CleanRecords(folder, manifest)
    for cell in manifest["cells"]:
        records = folder.read_cell(cell["key"], manifest["chunks"])
        if records is None:
            if cell["key"] not in failed:
                results.failures.append(_failure(cell, "its records are not in the run folder any more"))
            continue
        seen = _as_metrics_see(records, manifest["conditions"][cell["condition"]])
        for name in _measured(manifest, cell):
            if name in from_records:
                paired = "clean" in manifest["metrics"][name].get("needs", ())
                given = partial(clean.beside, cell, seen) if paired else partial(dict, seen)
                _add(results, cell, manifest, name, partial(_computed, from_records[name], given))
            elif states := _states(folder, cell, manifest, name):
                _add(results, cell, manifest, name, partial(from_states[name], states))
    return results


class _CleanRecords:
    """The records of a run's clean cells, each read once."""

    def __init__(self, folder: RunFolder, manifest: Mapping[str, Any]) -> None:
        self._folder, self._chunks = folder, manifest["chunks"]
        kinds = {text: facts["kind"] for text, facts in manifest["conditions"].items()}
        self._keys = {_whose(cell): cell["key"] for cell in manifest["cells"] if kinds[cell["condition"]] == "clean"}
        self._read: dict[str, dict[str, NDArray[Any]] | None] = {}

    def beside(self, cell: Mapping[str, Any], seen: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the records of a cell with those of the same model and samples, clean, as `clean_…`.

        Raises:
            DataError: there are none, or of other samples.
        """
        key = self._keys.get(_whose(cell), "")
        if key not in self._read:
            self._read[key] = self._folder.read_cell(key, self._chunks) if key else None
        clean = self._read[key]
        if clean is None or not np.array_equal(clean["id"], seen["id"]):
            got = "none" if clean is None else "others"
            raise DataError(
                f"expected records of the clean samples of {cell['model']}, got {got}",
                "continue the run, so that its clean cell is complete: robustkit eval --resume",
            )
        added = {f"clean_{name}": column for name, column in clean.items() if name not in ("id", "label")}
        for column in added.values():
            column.setflags(write=False)
        return {**seen, **added}


def _whose(cell: Mapping[str, Any]) -> tuple[str, str]:
    return cell["model"], cell["dataset"]


def _computed(metric: FromRecords, records: Callable[[], Mapping[str, NDArray[Any]]]) -> Estimates:
    return metric(records())


def _measured(manifest: Mapping[str, Any], cell: Mapping[str, Any]) -> list[str]:
    """Return the metrics that are for cells of this kind."""
    kind = manifest["conditions"][cell["condition"]]["kind"]
    return [name for name, facts in manifest["metrics"].items() if is_measured_on(facts.get("on", "every"), kind)]


def _as_metrics_see(records: Mapping[str, NDArray[Any]], condition: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the records with what is known of an attack beside them; one metric cannot change what the next sees."""
    threat_model = condition.get("threat_model")
    facts = (
        {"eps": threat_model["eps"], "minimises_norm": condition.get("minimises_norm", False)} if threat_model else {}
    )
    seen = {**records, **{name: np.full(len(records["id"]), fact) for name, fact in facts.items()}}
    for column in seen.values():
        column.setflags(write=False)
    return seen


def _states(
    folder: RunFolder, cell: Mapping[str, Any], manifest: Mapping[str, Any], name: str
) -> list[dict[str, NDArray[Any]]] | None:
    """Return what a metric measured on a cell, or None where it does not apply or has failed."""
    key = cell["measures"].get(name)
    return folder.read_measures(key, manifest["chunks"]) if key else None


def _add(
    results: Results,
    cell: Mapping[str, Any],
    manifest: Mapping[str, Any],
    name: str,
    compute: Callable[[], Estimates],
) -> None:
    try:
        estimates = compute()
        parts = estimates if isinstance(estimates, Mapping) else {"": estimates}
        rows = {f"{name}@{part}" if part else name: _checked(estimate) for part, estimate in parts.items()}
    except (Exception, SystemExit) as error:
        results.failures.append(_failure(cell, f"metric {name}: {type(error).__name__}: {error}"))
        return
    for metric, estimate in rows.items():
        results.rows.append(_row(cell, manifest["conditions"][cell["condition"]], metric, estimate))
        for key in (name, metric):
            if estimate.interval or key not in results.intervals:
                results.intervals[key] = estimate.interval
        if estimate.note:
            facts = {key: cell[key] for key in ("model", "condition", "seed")}
            results.notes.append({**facts, "metric": metric, "note": estimate.note})


def _failure(cell: Mapping[str, Any], error: str) -> dict[str, Any]:
    return {**{key: cell[key] for key in ("model", "condition", "seed")}, "error": " ".join(error.split())}


def _checked(estimate: Any) -> Estimate:
    if not isinstance(estimate, Estimate):
        raise PluginError(
            f"expected a robustkit.Estimate, got {type(estimate).__name__}", "this is a defect of the metric"
        )
    return estimate


def _row(cell: Mapping[str, Any], condition: Mapping[str, Any], metric: str, estimate: Estimate) -> dict[str, Any]:
    return {
        "model": cell["model"],
        "dataset": cell["dataset"],
        "condition": cell["condition"],
        "perturbation": condition["component"],
        "severity": condition["severity"],
        "seed": cell["seed"],
        "source": source_of(condition),
        "metric": metric,
        "value": _defined(estimate.value),
        "n": estimate.n,
        "ci_low": _defined(estimate.ci_low),
        "ci_high": _defined(estimate.ci_high),
        "status": estimate.status,
        "chance": _defined(estimate.chance),
        "spec": estimate.spec,
    }


def _defined(number: float | None) -> float | None:
    """Return the number, or None where it is not finite: JSON has no other way to say so."""
    return None if number is None or not isfinite(number) else float(number)
