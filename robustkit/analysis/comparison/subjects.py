"""From numbers of single models to those of a comparison's subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.comparison import Comparison, Measured
from robustkit.analysis.comparison.measure import of_group
from robustkit.analysis.comparison.members import Member

Key = tuple[str, str]
"""(quantity, perturbation)."""

Quantities = Mapping[Key, NDArray[np.float64]]
"""(R,) values, NaN where they are not defined."""

Ends = Mapping[Key, tuple[float, float]]


def measure_subjects(
    comparison: Comparison,
    values: Callable[[Member], Quantities],
    ends: Callable[[Member], Ends],
    bounds: Mapping[str, tuple[float, float]],
) -> dict[tuple[str, str, str], Measured]:
    """Return each quantity by (subject, quantity, perturbation).

    Of a model alone with its interval over samples, of a group with Student's t over its training seeds.

    Args:
        comparison: whose subjects are meant.
        values: each quantity of a model, (1,).
        ends: their intervals over samples; what has none is left out.
        bounds: by quantity, the ends of its scale.
    """
    found: dict[tuple[str, str, str], Measured] = {}
    for team in comparison.teams:
        each = [{key: _defined(value) for key, value in values(member).items()} for member in team.members]
        names = [member.name for member in team.members]
        intervals = ends(team.members[0]) if len(each) == 1 else {}
        for key, value in each[0].items():
            if len(each) > 1:
                measured = of_group(names, [one[key] for one in each], bounds[key[0]])
            else:
                measured = _alone(value, intervals.get(key), comparison.samples)
            found[(team.name, *key)] = measured
    return found


def _defined(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value[0]) else float(value[0])


def _alone(value: float | None, ends: tuple[float, float] | None, n: int) -> Measured:
    # Where no sample differs a bootstrap has no width, which would claim certainty.
    if value is None or ends is None or ends[0] == ends[1]:
        return Measured(value=value, n=n)
    return Measured(value=value, low=ends[0], high=ends[1], n=n, method="bootstrap", over="samples")
