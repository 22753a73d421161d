"""Run folders, read for a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from robustkit.analysis.comparison.conditions import WORST_CASE, source_of
from robustkit.analysis.statistics.intervals import wilson_interval
from robustkit.errors import DataError
from robustkit.store import RunFolder
from robustkit.store.checks import checks_from_plain, voided
from robustkit.texts import printable

ACCURACY = "metrics/accuracy"

_KEYS = ("model", "dataset", "condition", "seed", "metric", "value", "n", "ci_low", "ci_high")


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One run.

    Attributes:
        name: how reports call it.
        folder: where it is.
        manifest: what was run.
        rows: the results table.
        notes: what the reader should know about it.
    """

    name: str
    folder: RunFolder
    manifest: dict[str, Any]
    rows: list[dict[str, Any]]
    notes: tuple[str, ...] = ()

    @property
    def unfinished(self) -> str:
        """One sentence on how far the run got if it did not end; else empty."""
        status = self.manifest["status"]
        if status.startswith("finished"):
            return ""
        what = "is not finished (running, or killed)" if status == "running" else f"did not finish ({status})"
        keys = ("model", "dataset", "condition", "seed")
        here = {tuple(row[key] for key in keys) for row in self.rows}
        cells = [tuple(cell[key] for key in keys) for cell in self.manifest["cells"]]
        present = sum(cell in here for cell in cells)
        return (
            f"Run {self.name} {what}: {present} of its {len(cells)} cells are here, and nothing below has the others."
        )

    def samples_key(self, dataset: str) -> tuple[Any, ...]:
        """Return what two runs must share for their models to be compared: the data, and which of its samples."""
        facts, identity = self.manifest["datasets"][dataset], self.manifest.get("identity", {})
        return facts["fingerprint"], facts["evaluated"], identity.get("samples")

    def records(self, model: str, dataset: str, condition: str, seed: int) -> dict[str, NDArray[Any]] | None:
        """Return the records of a cell, or None where none are stored."""
        for cell in self.manifest["cells"]:
            if (cell["model"], cell["dataset"], cell["condition"], cell["seed"]) == (model, dataset, condition, seed):
                return self.folder.read_cell(cell["key"], self.manifest["chunks"])
        return None


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Return the runs, each folder once.

    Raises:
        DataError: one is not a run folder, is damaged, or has no results at all.
    """
    unique = list({path.resolve(): path for path in paths}.values())
    return [_read_run(path, name) for path, name in zip(unique, _names(unique), strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """Return short names: the folder's own, with as many of its parents as it takes to tell it from the others."""
    parts = [path.resolve().parts for path in paths]
    names = [each[-1] for each in parts]
    depth = 2
    while max(Counter(names).values(), default=0) > 1:
        counts = Counter(names)
        names = ["/".join(each[-depth:]) if counts[name] > 1 else name for each, name in zip(parts, names, strict=True)]
        depth += 1
    return _shown(names)


def _shown(names: Sequence[str]) -> list[str]:
    """Return the names as reports can print them, still different from one another."""
    shown: list[str] = []
    for name in (printable(each) or "run" for each in names):
        taken = sum(other == name or other.startswith(f"{name} (") for other in shown)
        shown.append(f"{name} ({taken + 1})" if taken else name)
    return shown


def _read_run(path: Path, name: str) -> Run:
    folder = RunFolder(path)
    manifest = folder.read_manifest()
    _check_kind(path, manifest)
    # What several attacks together leave is found anew: over all runs, and over what all models share.
    rows = [row for row in folder.read_results() if row.get("perturbation") != WORST_CASE]
    try:
        _check_rows(rows, manifest)
        notes = _notes(name, manifest)
        if not rows:
            rows = _accuracy_of_sealed_cells(folder, manifest)
            notes += (f"run {name} has no results table yet: accuracy was computed from the cells that are stored",)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise malformed(path, error) from error
    if not rows:
        raise DataError(f"{path} has no results yet", "finish it: robustkit eval --resume with the same command")
    return Run(name=name, folder=folder, manifest=manifest, rows=rows, notes=notes)


def _check_kind(path: Path, manifest: dict[str, Any]) -> None:
    """Check that the folder holds an evaluation.

    Raises:
        DataError: it holds a training.
    """
    if manifest.get("kind") == "training":
        raise DataError(
            f"{path} was made by 'robustkit train': it holds a trained model, and no evaluation to report on",
            f"evaluate the model first: robustkit eval {path / 'model.safetensors'} --data DATA -o RUN",
        )


def _check_rows(rows: list[dict[str, Any]], manifest: dict[str, Any]) -> None:
    """Check that each row has what reports read, and belongs to this run.

    Raises:
        ValueError: one does not.
    """
    for row in rows:
        missing = [key for key in _KEYS if key not in row]
        if missing:
            raise ValueError(f"a result has no '{missing[0]}'")
        if row["model"] not in manifest["models"] or row["condition"] not in manifest["conditions"]:
            raise ValueError(f"a result is of '{row['model']}' under '{row['condition']}', which the run has not")


def malformed(path: Path, error: Exception) -> DataError:
    """Return the error for a folder whose files are JSON, but not as robustkit writes them."""
    return DataError(
        f"{path}: its manifest or results are not as robustkit writes them: {type(error).__name__}: {error}",
        "repeat the run in a new folder",
    )


def _notes(name: str, manifest: dict[str, Any]) -> tuple[str, ...]:
    failed = len(manifest["failures"])
    text = f"run {name} has {failed} failure(s), listed below; what failed is in no figure and no mean"
    return (text,) if failed else ()


def _accuracy_of_sealed_cells(folder: RunFolder, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    # What a condition's own check found wanting has no rows in a finished run either.
    without = voided(checks_from_plain(manifest.get("checks", [])))
    rows = []
    for cell in manifest["cells"]:
        if (cell["condition"], cell["seed"]) in without:
            continue
        records = folder.read_cell(cell["key"], manifest["chunks"])
        if records is None:
            continue
        right, n = int((records["prediction"] == records["label"]).sum()), len(records["label"])
        low, high = wilson_interval(right, n)
        condition = manifest["conditions"][cell["condition"]]
        rows.append(
            {
                **{key: cell[key] for key in ("model", "dataset", "condition", "seed")},
                "perturbation": condition["component"],
                "severity": condition["severity"],
                "source": source_of(condition),
                **{"metric": ACCURACY, "value": right / n, "n": n, "ci_low": low, "ci_high": high},
            }
        )
    return rows
