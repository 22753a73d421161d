"""Worst-group accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.columns import columns, invalid_note
from robustkit_metrics.groups.accuracies import worst_parts
from robustkit_metrics.groups.group_file import GroupFile, read_groups
from robustkit_metrics.groups.params import WorstGroupParams


@dataclass(frozen=True)
class WorstGroup:
    """Accuracy of the group of samples that the model serves worst, as in Sagawa et al. (2020), section 2.

    Groups come from a file, by sample id; with `cross=label` each is divided by the label. Only groups with an
    evaluated sample can be the worst. Parts: `worst`, `gap` (mean over groups less worst), `average-of-groups` (each
    group weighs the same), and each group by name, `COLUMN=VALUE` or `COLUMN=VALUE,label=K`. See `worst_parts` for the
    intervals and for the selection effect of a minimum.
    """

    params: WorstGroupParams
    file: GroupFile = field(init=False)

    def __post_init__(self) -> None:
        """Read the file: what is wrong with it is better known before a model has been evaluated."""
        object.__setattr__(self, "file", read_groups(Path(self.params.groups), self.params.column))

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> dict[str, robustkit.Estimate]:
        """Return the parts, from the columns `id`, `prediction` and `label`.

        Raises:
            robustkit.DataError: there is no sample, none has a group, or a column is missing or malformed.
        """
        ids, prediction, label = columns(records, "id", "prediction", "label")
        code = self.file.of(ids)
        known = code >= 0
        if not known.any():
            raise robustkit.DataError(
                f"{self.file.path}: none of {len(ids)} evaluated samples has a group there, such as id {ids[0]}",
                "ids are the places of samples in the whole data set, from 0; of folders, in the order of their paths",
            )
        without = int((~known).sum())
        notes = [f"{without} of {len(ids)} samples have no group and are left out" if without else ""]
        group, names = self._crossed(code[known], label[known])
        return worst_parts(
            (prediction == label)[known],
            group,
            names,
            what="group",
            spec=f"worst-group/{self.params.column}/{self._by}/sha256={self.file.digest[:12]}",
            note="; ".join(filter(None, [*notes, invalid_note(records)])),
        )

    @property
    def _by(self) -> str:
        return "attribute x label" if self.params.cross else "attribute"

    def _crossed(self, code: NDArray[np.intp], label: NDArray[Any]) -> tuple[NDArray[np.intp], list[str]]:
        """Return the group of each sample, and the names of all groups."""
        names = [f"{self.params.column}={name}" for name in self.file.names]
        if self.params.cross is None:
            return code, names
        labels, place = np.unique(label, return_inverse=True)
        return code * len(labels) + place, [f"{name},label={each}" for name in names for each in labels]
