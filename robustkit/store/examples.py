"""The adversarial examples of a run, read back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.errors import ConfigError, DataError
from robustkit.store.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """The inputs with which an attack broke samples, exactly as the evaluator judged them.

    Attributes:
        model: name in the run.
        condition: canonical string of the attack.
        seed: the root of its random keys.
        ids: (n,) int64 sample ids, ascending.
        inputs: (n, C, H, W) float32 in [0, 1].
    """

    model: str
    condition: str
    seed: int
    ids: NDArray[np.int64]
    inputs: NDArray[np.float32]


def read_examples(
    run: str | os.PathLike[str],
    *,
    cell: str = "",
    model: str = "",
    condition: str = "",
    seed: int | None = None,
) -> Examples:
    """Return the adversarial examples of one cell of a run that was evaluated with `--save-examples`.

    What is given must leave one cell under attack; a run that has only one needs nothing.

    Args:
        run: the run folder.
        cell: the cell's key, or how it begins.
        model: name in the run.
        condition: canonical string of the attack, or its component alone: `attacks/pgd`, `pgd`.
        seed: the root of the random keys.

    Raises:
        ConfigError: no cell or several are meant.
        DataError: the folder is no run, or the examples are absent or damaged.
    """
    folder = RunFolder(Path(run))
    manifest = folder.read_manifest()
    try:
        found = _cell(manifest, cell, model, condition, seed)
        parts = [_part(folder, found["key"], chunk) for chunk in range(manifest["chunks"])]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{run}: its manifest is not as robustkit writes it: {type(error).__name__}: {error}",
            "repeat the run in a new folder",
        ) from error
    return Examples(
        model=found["model"],
        condition=found["condition"],
        seed=found["seed"],
        ids=np.concatenate([ids for ids, _ in parts]),
        inputs=np.concatenate([inputs for _, inputs in parts]),
    )


def attacked_cells(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cells of a manifest whose condition is an attack."""
    return [cell for cell in manifest["cells"] if manifest["conditions"][cell["condition"]]["kind"] == "attack"]


def _cell(manifest: Mapping[str, Any], key: str, model: str, condition: str, seed: int | None) -> dict[str, Any]:
    cells = attacked_cells(manifest)
    found = [
        each
        for each in cells
        if each["key"].startswith(key)
        and model in ("", each["model"])
        and condition in ("", each["condition"], *_components(manifest, each["condition"]))
        and seed in (None, each["seed"])
    ]
    if len(found) != 1:
        what = "no cell under attack is" if not found else f"{len(found)} cells under attack are"
        raise ConfigError(f"{what} meant, expected one", f"cells under attack: {_listed(found or cells) or 'none'}")
    return found[0]


def _components(manifest: Mapping[str, Any], condition: str) -> tuple[str, str]:
    component = manifest["conditions"][condition]["component"]
    return component, component.rpartition("/")[2]


def _listed(cells: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"model={each['model']!r} condition={each['condition']!r} seed={each['seed']}" for each in cells[:5]]
    return "; ".join([*shown, *([f"and {len(cells) - 5} more"] if len(cells) > 5 else [])])


def _part(folder: RunFolder, key: str, chunk: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    found = folder.read_examples(key, chunk)
    if found is None:
        path = folder.examples_path(key, chunk)
        what = (
            "is damaged: its content does not have the digest that it was stored with" if path.exists() else "is absent"
        )
        raise DataError(
            f"{path} {what}",
            "repeat the command of the run with --save-examples --resume: it computes what is missing",
        )
    return found
