"""The cells of a run with their records, as checks read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.store import RunFolder


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One cell.

    Attributes:
        model: its model.
        condition: canonical string.
        seed: of its random keys.
        facts: what the manifest says of the condition.
        records: by column; None where the cell has no result.
    """

    model: str
    condition: str
    seed: int
    facts: Mapping[str, Any]
    records: Mapping[str, NDArray[Any]] | None

    @property
    def is_attack(self) -> bool:
        """Whether its condition is an attack."""
        return bool(self.facts["kind"] == "attack")

    @property
    def ball(self) -> tuple[str, float]:
        """Norm and eps of an attack."""
        return self.facts["threat_model"]["norm"], float(self.facts["threat_model"]["eps"])

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,): which samples were classified right; the cell has records."""
        assert self.records is not None
        right: NDArray[np.bool_] = self.records["prediction"] == self.records["label"]
        return right


def read_cells(folder: RunFolder, manifest: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield the clean and the attacked cells of a run, those without a result among them."""
    for cell in manifest["cells"]:
        facts = manifest["conditions"][cell["condition"]]
        if facts["kind"] in ("clean", "attack"):
            yield Cell(
                model=cell["model"],
                condition=cell["condition"],
                seed=cell["seed"],
                facts=facts,
                records=folder.read_cell(cell["key"], manifest["chunks"]),
            )
