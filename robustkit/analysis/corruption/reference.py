"""The model of a run that others are divided by, found among those that saw the same samples."""

from __future__ import annotations

from collections.abc import Sequence

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.comparison.members import Member, find_members
from robustkit.analysis.corruption.baseline import CorruptionBaseline, RunBaseline
from robustkit.errors import DataError
from robustkit.texts import printable


def is_comparable(comparison: Comparison, baseline: CorruptionBaseline) -> bool:
    """Return whether a baseline is a table, or was evaluated on the same samples."""
    return not isinstance(baseline, RunBaseline) or _dataset(comparison, baseline) is not None


def _dataset(comparison: Comparison, baseline: RunBaseline) -> str | None:
    datasets: Sequence[str] = list(baseline.run.manifest["datasets"])
    return next((name for name in datasets if baseline.run.samples_key(name) == comparison.key), None)


def find_reference(comparison: Comparison, baseline: RunBaseline) -> Member:
    """Return the baseline's model, which must have been evaluated on the samples of the comparison.

    Raises:
        DataError: its run has two models that are one.
    """
    members, _ = find_members([(baseline.run, _dataset(comparison, baseline) or "")])
    member = next((each for each in members if each.name == printable(baseline.model)), None)
    if member is None:
        raise DataError(
            f"the baseline {baseline.name} cannot be told from another model of its run", "give each its own name"
        )
    return member
