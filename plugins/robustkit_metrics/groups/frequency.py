"""Samples by how frequent their class is: head, medium, tail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.groups.class_counts import read_class_counts

EVALUATED = "evaluated"
"""What `counts` says for the classes' own numbers among the evaluated samples."""


@dataclass(frozen=True)
class Frequencies:
    """Which samples are of the head, the medium part and the tail of the classes.

    Attributes:
        source: where the counts come from: a file, `evaluated`, or empty for no split.
        many: classes with more samples than this are the head.
        few: classes with fewer samples than this are the tail.
        counts: samples of each class in the file; empty without one.
    """

    source: str
    many: int
    few: int
    counts: Mapping[int, int]

    @classmethod
    def of(cls, source: str, many: int, few: int) -> Frequencies:
        """Return them, with the file read: what is wrong with it is better known before anything is computed.

        Raises:
            robustkit.ConfigError: a class would be both head and tail.
            robustkit.DataError: the file cannot be read.
        """
        if few > many + 1:
            raise robustkit.ConfigError(
                f"few={few} and many={many} overlap: classes would be both head and tail", "few is at most many + 1"
            )
        return cls(source, many, few, read_class_counts(Path(source)) if source not in ("", EVALUATED) else {})

    def split(self, labels: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
        """Return the samples of each group; none where no split is asked for.

        Args:
            labels: (N,) class indices, in the order of the model's outputs.

        Raises:
            robustkit.DataError: the file has no count for a class.
        """
        if not self.source:
            return {}
        classes, inverse, evaluated = np.unique(labels, return_inverse=True, return_counts=True)
        missing = [int(each) for each in classes if self.counts and int(each) not in self.counts]
        if missing:
            raise robustkit.DataError(
                f"{self.source}: expected a count for every class that is evaluated, got none for {missing[0]}",
                "classes are numbered from 0, in the order of the model's outputs",
            )
        counts = np.array([self.counts[int(each)] for each in classes]) if self.counts else evaluated
        head, tail = (counts > self.many)[inverse], (counts < self.few)[inverse]
        return {"head": head, "medium": ~head & ~tail, "tail": tail}
