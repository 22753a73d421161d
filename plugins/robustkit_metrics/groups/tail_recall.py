"""Macro recall of frequent and of rare classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note
from robustkit_metrics.groups.accuracies import GroupCounts, mean_interval_of
from robustkit_metrics.groups.class_counts import read_class_counts
from robustkit_metrics.groups.params import TailRecallParams


@dataclass(frozen=True)
class TailRecall:
    """Macro recall of classes with many, some and few training samples: head, medium, tail.

    Many is more than 100 and few fewer than 20 training samples (Liu et al. 2019, section 5), or what the parameters
    say. Recall is averaged over the classes of a part that have an evaluated sample, each with the same weight; the
    interval is that of `mean_interval_of`; `macro` is over all classes. Compared over conditions, the parts say whether
    degradation costs the tail more than the head. Recall class by class is in `worst-class`.
    """

    params: TailRecallParams
    counts: Mapping[int, int] = field(init=False)

    def __post_init__(self) -> None:
        """Read the file: what is wrong with it is better known before a model has been evaluated."""
        if self.params.few > self.params.many + 1:
            raise robustkit.ConfigError(
                f"tail-recall: few={self.params.few} and many={self.params.many} overlap",
                "few is at most many + 1",
            )
        object.__setattr__(self, "counts", read_class_counts(Path(self.params.counts)))

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> dict[str, robustkit.Estimate]:
        """Return the parts, from the columns `prediction` and `label`.

        Raises:
            robustkit.DataError: there is no sample, a column is missing or malformed, or a class has no count.
        """
        prediction, label = columns(records, "prediction", "label")
        unknown = sorted(set(np.unique(label).tolist()) - set(self.counts))
        if unknown:
            raise robustkit.DataError(
                f"{self.params.counts}: expected a count for every class that is evaluated, got none for {unknown[0]}",
                "classes are numbered from 0, in the order of the model's outputs",
            )
        of_label = np.array([self.counts[each] for each in label.tolist()])
        right, note = prediction == label, invalid_note(records)
        return {
            name: self._recall(name, right[chosen], label[chosen], note)
            for name, chosen in self._chosen(of_label).items()
        }

    def _chosen(self, counts: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        head, tail = counts > self.params.many, counts < self.params.few
        return {"head": head, "medium": ~head & ~tail, "tail": tail, "macro": np.full(len(counts), True)}

    def _recall(self, name: str, right: NDArray[np.bool_], label: NDArray[Any], note: str) -> robustkit.Estimate:
        spec = f"tail-recall/{name}/many>{self.params.many}/few<{self.params.few}"
        if not len(right):
            return robustkit.Estimate(
                value=None, n=0, note="undefined: no evaluated sample is of such a class", spec=spec
            )
        counts = GroupCounts.of(right, label)
        low, high = mean_interval_of(counts)
        return robustkit.Estimate(
            value=float(counts.accuracies.mean()),
            n=len(right),
            ci_low=low,
            ci_high=high,
            interval="mover",
            note=note,
            spec=spec,
        )
