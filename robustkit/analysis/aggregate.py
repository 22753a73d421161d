"""From per-sample records to the results table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from robustkit.components import Estimate
from robustkit.store import RunFolder

Compute = Callable[[Mapping[str, NDArray[Any]]], Estimate]


def results_table(
    folder: RunFolder, manifest: Mapping[str, Any], metrics: Mapping[str, Compute]
) -> list[dict[str, Any]]:
    """Return one row a (model, dataset, condition, seed, metric), in the order of the manifest's cells.

    Cells that are not sealed have no row.

    Args:
        folder: where the records are.
        manifest: of that run.
        metrics: by the name that the rows carry.
    """
    rows = []
    for cell in manifest["cells"]:
        records = folder.read_cell(cell["key"], manifest["chunks"])
        if records is None:
            continue
        condition = manifest["conditions"][cell["condition"]]
        for name, compute in metrics.items():
            estimate = compute(records)
            rows.append(
                {
                    "model": cell["model"],
                    "dataset": manifest["dataset"]["name"],
                    "condition": cell["condition"],
                    "perturbation": condition["component"],
                    "severity": condition["severity"],
                    "seed": cell["seed"],
                    # Clean images are the dataset's own files; everything else was made for this run.
                    "source": "stored" if condition["kind"] == "clean" else "generated",
                    "metric": name,
                    "value": estimate.value,
                    "n": estimate.n,
                    "ci_low": estimate.ci_low,
                    "ci_high": estimate.ci_high,
                }
            )
    return rows
