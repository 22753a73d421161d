"""Parameters of the metrics of groups. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge

import robustkit


@robustkit.params
class WorstGroupParams:
    """Parameters of `worst-group`."""

    groups: str
    """A CSV or parquet file with a column `id`, the place of a sample in the data from 0, and one with its group."""

    column: str = "group"
    """The column that names the group; a sample with an empty field has none."""

    cross: Literal["label"] | None = None
    """`label` divides each group by the label: class x attribute, as for Waterbirds and CelebA."""


@robustkit.params
class TailRecallParams:
    """Parameters of `tail-recall`."""

    counts: str
    """How many samples each class has: a file with the training samples (a JSON list, or object by class index, or a
    CSV file with `class` and `count`), or `evaluated` for the evaluated ones."""

    many: Annotated[int, Ge(0)] = 100
    """Classes with more samples than this are the head."""

    few: Annotated[int, Ge(0)] = 20
    """Classes with fewer samples than this are the tail."""
