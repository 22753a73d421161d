"""Macro recall of frequent and of rare classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note
from robustkit_metrics.groups.accuracies import GroupCounts, mean_interval_of
from robustkit_metrics.groups.frequency import Frequencies
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
    frequencies: Frequencies = field(init=False)

    def __post_init__(self) -> None:
        """Read the file: what is wrong with it is better known before a model has been evaluated."""
        params = self.params
        if not params.counts:
            raise robustkit.ConfigError(
                "tail-recall: expected a file with the training samples of each class, got counts=''",
                "name one, or count the evaluated samples: counts=evaluated",
            )
        object.__setattr__(self, "frequencies", Frequencies.of(params.counts, params.many, params.few))

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> dict[str, robustkit.Estimate]:
        """Return the parts, from the columns `prediction` and `label`.

        Raises:
            robustkit.DataError: there is no sample, a column is missing or malformed, or a class has no count.
        """
        prediction, label = columns(records, "prediction", "label")
        right, note = prediction == label, invalid_note(records)
        parts = {**self.frequencies.split(label), "macro": np.full(len(label), True)}
        return {name: self._recall(name, right[chosen], label[chosen], note) for name, chosen in parts.items()}

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
