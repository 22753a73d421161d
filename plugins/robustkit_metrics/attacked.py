"""What became of samples under an attack, from the columns that it adds to their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit

_HELD, _WRONG_BEFORE, _INVALID = "", "clean", "invalid"


@dataclass(frozen=True)
class Outcomes:
    """Which samples are what; each is exactly one of these, and was right before unless it is `wrong_before`.

    Attributes:
        wrong_before: (n,) bool, not attacked.
        held: no adversarial input was found.
        broken: misclassified under attack.
        invalid: the logits under attack are not finite.
    """

    wrong_before: NDArray[np.bool_]
    held: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    invalid: NDArray[np.bool_]


def outcomes(records: Mapping[str, NDArray[Any]]) -> Outcomes:
    """Return what became of each sample, from the column `broken_by`.

    Raises:
        robustkit.DataError: there is no sample, or no such column.
    """
    if "broken_by" not in records or not len(records["broken_by"]):
        raise robustkit.DataError(
            "expected a record column 'broken_by' with at least one sample, got none",
            "this metric is for cells under an attack",
        )
    said = np.asarray(records["broken_by"]).astype(str)
    wrong, held, invalid = (said == each for each in (_WRONG_BEFORE, _HELD, _INVALID))
    return Outcomes(wrong_before=wrong, held=held, broken=~(wrong | held | invalid), invalid=invalid)
