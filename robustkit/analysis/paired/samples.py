"""The samples that two sides share, by sample id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.members import Member
from robustkit.analysis.comparison.scopes import Seeds
from robustkit.analysis.paired.sides import Side
from robustkit.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """The models of one side, on the shared samples.

    Attributes:
        members: the models.
        ids: by model, (n_of_model,) sample ids in the order of its records.
        shared: (n,) the sample ids that both sides have.
    """

    members: tuple[Member, ...]
    ids: tuple[NDArray[np.int64], ...]
    shared: NDArray[np.int64]

    @property
    def whole(self) -> bool:
        """Whether all samples of this side are shared."""
        return all(len(ids) == len(self.shared) for ids in self.ids)

    def correct(self, conditions: Sequence[str], seeds: Seeds) -> Array | None:
        """Return (models, n) shares of (condition, seed) in which each was right, or None where records are missing."""
        found = []
        for member, ids in zip(self.members, self.ids, strict=True):
            vectors = [member.correct(condition, seeds[condition]) for condition in conditions]
            known = [each for each in vectors if each is not None and len(each) == len(ids)]
            if len(known) < len(vectors):
                return None
            found.append(np.mean(known, axis=0)[_places(ids, self.shared)])
        return np.stack(found)

    def column(self, condition: str, seeds: Collection[int], metric: str) -> Array | None:
        """Return (models, n) values of the record column whose mean a metric is, or None if it is no such mean.

        That it is one is not taken from its name alone: the mean over the records has to be the value in the results.
        """
        found = []
        for member, ids in zip(self.members, self.ids, strict=True):
            vectors = [_column(member, condition, seed, metric, len(ids)) for seed in sorted(seeds)]
            known = [each for each in vectors if each is not None]
            if not known or len(known) < len(vectors):
                return None
            found.append(np.mean(known, axis=0)[_places(ids, self.shared)])
        return np.stack(found)


def align(first: Side, second: Side, dataset: tuple[str, str]) -> tuple[Aligned, Aligned]:
    """Return both sides on the samples that they share.

    Raises:
        DataError: a side has no records, no sample is shared, or the labels of shared samples differ.
    """
    sides = [side.members(name) for side, name in zip((first, second), dataset, strict=True)]
    ids = [[_ids(member) for member in members] for members in sides]
    everything = [each for of_side in ids for each in of_side]
    shared = everything[0][0]
    for each, _ in everything[1:]:
        shared = np.intersect1d(shared, each)
    if not len(shared):
        raise DataError(
            f"{first.label} and {second.label} were evaluated on different samples of the same data: none is shared",
            "evaluate both with the same --limit or --indices",
        )
    labels = [label[_places(each, shared)] for each, label in everything]
    if any(not np.array_equal(labels[0], other) for other in labels[1:]):
        raise DataError(
            f"{first.label} and {second.label} have different labels for the same samples",
            "their runs matched the classes in different ways: evaluate both anew, with the same --data",
        )
    one, two = (
        Aligned(members=members, ids=tuple(each for each, _ in of_side), shared=shared)
        for members, of_side in zip(sides, ids, strict=True)
    )
    return one, two


def _ids(member: Member) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return ids and labels in the order of a model's records."""
    evaluation = member.evaluations[0]
    for cell in evaluation.run.manifest["cells"]:
        if (cell["model"], cell["dataset"]) == (evaluation.model, evaluation.dataset):
            records = evaluation.run.folder.read_cell(cell["key"], evaluation.run.manifest["chunks"])
            if records is not None:
                return records["id"], records["label"]
    raise DataError(
        f"{member.name} has no per-sample records in {evaluation.run.folder.path}, on which paired comparisons rest",
        "finish or repeat the run",
    )


def _places(ids: NDArray[np.int64], shared: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(ids, kind="stable")
    return np.asarray(order[np.searchsorted(ids[order], shared)])


def _column(member: Member, condition: str, seed: int, metric: str, n: int) -> Array | None:
    row = member.rows.get((condition, metric), {}).get(seed)
    records = member.records(condition, seed)
    name = metric.partition(":")[0].rpartition("/")[2]
    if row is None or row["value"] is None or records is None or name not in records or len(records["id"]) != n:
        return None
    values = np.asarray(records[name])
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        return None
    values = values.astype(np.float64)
    return values if np.isclose(values.mean(), row["value"], rtol=1e-5, atol=1e-9) else None
