"""Robust accuracy against eps, from one run of an attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.attacked import Outcomes, outcomes
from robustkit_metrics.columns import columns
from robustkit_metrics.params import RobustAccuracyCurveParams

MEDIAN = "median-norm"
_STEPS = 4


@dataclass(frozen=True)
class RobustAccuracyCurve:
    """Share of all samples that are right and whose smallest known adversarial norm is above eps, for each eps.

    Made for attacks that minimise the norm (FAB), and say so by `minimises_norm`; of any other the parts below its eps
    are unreliable: PGD fills its ball, and finds nothing inside. At every eps it is an upper bound of robust accuracy,
    as what the attack did not find it does not know: a run at that eps may find more. Beyond the eps of the attack
    nothing is known, so nothing is said.

    Parts: one for each eps, with Wilson's interval, and `median-norm`, the median norm of what broke a sample.
    """

    params: RobustAccuracyCurveParams

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> dict[str, robustkit.Estimate]:
        """Return the parts, from the columns `broken_by`, `norm` and `eps`.

        Raises:
            robustkit.DataError: there is no sample, or a column is missing or malformed.
        """
        norm, eps = columns(records, "norm", "eps")
        found, limit = outcomes(records), float(eps[0])
        chosen = {eps_name(each): each for each in self._chosen(limit)}
        parts = {name: _robust(found, norm, each, limit) for name, each in chosen.items()}
        parts[MEDIAN] = _median(found, norm)
        if np.all(records.get("minimises_norm", False)):
            return parts
        at_limit = {name for name, each in chosen.items() if each >= limit * (1 - 1e-9)}
        return {name: part if name in at_limit else _doubted(part, limit) for name, part in parts.items()}

    def _chosen(self, limit: float) -> tuple[float, ...]:
        given = self.params.eps
        every = tuple(limit * step / _STEPS for step in range(1, _STEPS + 1))
        return every if given == () else given if isinstance(given, tuple) else (given,)


def _robust(found: Outcomes, norm: NDArray[Any], eps: float, limit: float) -> robustkit.Estimate:
    n = len(norm)
    if eps > limit * (1 + 1e-9):
        note = f"undefined: the attack searched up to eps {eps_name(limit)} and knows of nothing beyond"
        return robustkit.Estimate(value=None, n=0, note=note)
    # Norms are measured on float32 inputs: this is how far the evaluator lets them go beyond eps.
    within = norm <= eps * (1 + 1e-6) + 1e-7
    fell = found.wrong_before | ((found.broken | found.invalid) & within)
    robust = int((~fell).sum())
    low, high = robustkit.wilson_interval(robust, n)
    return robustkit.Estimate(value=robust / n, n=n, ci_low=low, ci_high=high, interval="wilson")


def _doubted(part: robustkit.Estimate, limit: float) -> robustkit.Estimate:
    """Return an estimate from the norms of an attack that has no reason to make them small."""
    if part.value is None:
        return part
    note = (
        f"unreliable: the attack does not minimise the norm, so inside its eps of {eps_name(limit)} it has not looked; "
        "run it at several eps, or take fab-t"
    )
    return replace(part, unreliable=True, note=note)


def _median(found: Outcomes, norm: NDArray[Any]) -> robustkit.Estimate:
    count = int(found.broken.sum())
    if not count:
        return robustkit.Estimate(value=None, n=0, note="undefined: no sample was broken")
    return robustkit.Estimate(value=float(np.median(norm[found.broken].astype(np.float64))), n=count)


def eps_name(eps: float) -> str:
    """Return how papers write an eps: in steps of 1/255 where it is one, else as a number.

    >>> eps_name(8 / 255), eps_name(0.5), eps_name(0.1 / 3)
    ('8/255', '0.5', '0.0333333')
    """
    levels = round(eps * 255)
    is_level = 0 < levels < 255 and abs(eps * 255 - levels) < 1e-9 and len(f"{eps:.12g}") > 8
    return f"{levels}/255" if is_level else f"{eps:.6g}"
