"""Samples with coarse and fine labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robustkit.probes.folds import Ints, Labels
from robustkit.probes.problem import ProbeSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class Refined:
    """Samples, one a row, each in a coarse and in a fine class.

    Attributes:
        rows: (n, d) features that probes are fitted to.
        asked: (n, d) features that they are asked about.
        coarse: (n,) classes.
        fine: (n,) classes.
        ids: (n,) distinct.
        settings: how probes are fitted.
    """

    rows: NDArray[np.floating]
    asked: NDArray[np.floating]
    coarse: Labels
    fine: Labels
    ids: Ints
    settings: ProbeSettings

    def only(self, chosen: NDArray[np.bool_]) -> Refined:
        """Return some of the samples."""
        arrays = {name: getattr(self, name)[chosen] for name in ("rows", "asked", "coarse", "fine", "ids")}
        return replace(self, **arrays)

    def by_coarse(self) -> dict[str, Refined]:
        """Return the samples of each coarse class, by its label."""
        return {str(label): self.only(self.coarse == label) for label in np.unique(self.coarse)}
