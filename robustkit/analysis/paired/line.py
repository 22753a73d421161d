"""One difference with all that is to be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Line:
    """A difference of two numbers, second minus first.

    Attributes:
        id: of the scope, or the condition.
        kind: `clean`, `mean` (over all perturbation conditions), `family`, `condition` or `worst-case`.
        title: short.
        metric: qualified name.
        n: samples that it rests on.
        first: value of the first side; None where it is not defined.
        second: of the second.
        difference: second minus first; None where there is none.
        low: lower end of the 95 % interval of the difference on its own; None where none can be given.
        high: upper end.
        method: how the interval was made: `newcombe`, `bootstrap` (samples, with all their conditions), `paired-t`,
            `seeds-and-samples-t`, `welch`, `unpaired`, or empty.
        joint_low: lower end of the interval that holds for all lines of the table together.
        joint_high: upper end.
        lost: samples that the first gets right and the second wrong; None where a sample can be partly right.
        gained: wrong by the first, right by the second.
        p: two-sided p of no difference, on its own.
        test: `mcnemar-exact`, `sign-flip`, `seeds-and-samples-t`, or empty.
        p_holm: p adjusted for all lines of the table, by Holm.
        p_max_t: the same by the joint sign-flip test; None between groups of training seeds.
        detectable: smallest difference that would have been found with a power of 80 %; None where none would.
        equivalence: 90 % interval of the difference, (low, high), where a margin was given.
        equivalent: whether that interval lies within the margin.
        note: why something is missing.
    """

    id: str
    kind: Literal["clean", "mean", "family", "condition", "worst-case"]
    title: str
    metric: str
    n: int
    first: float | None
    second: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = ""
    joint_low: float | None = None
    joint_high: float | None = None
    lost: int | None = None
    gained: int | None = None
    p: float | None = None
    test: str = ""
    p_holm: float | None = None
    p_max_t: float | None = None
    detectable: float | None = None
    equivalence: tuple[float, float] | None = None
    equivalent: bool | None = None
    note: str = ""
