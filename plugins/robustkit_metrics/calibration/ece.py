"""Expected calibration error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.calibration.bins import bin_index, equal_mass_index
from robustkit_metrics.calibration.error import calibration_error, chance_error, debiased_square
from robustkit_metrics.calibration.params import EceParams
from robustkit_metrics.calibration.segments import Segments
from robustkit_metrics.columns import columns, invalid_note

_ROUNDING = 1e-6  # a float32 softmax may exceed 1 by this much
FEWEST = 10
"""Samples a bin, on average, below which a value says more about the sample than about the model (own choice)."""


@dataclass(frozen=True)
class Ece:
    """Expected calibration error of the predicted class: sum over bins of n_b/n |accuracy_b - mean confidence_b|.

    Bins have equal width and are closed on the right, ((b-1)/B, b/B], as in Guo et al. (2017), section 2, unless the
    parameters say otherwise; confidences 0 and 1 belong to the first and to the last. Other edges give another number
    wherever a confidence sits on one.

    The estimate is biased upward, for a well calibrated model by about sqrt(bins/n), so values at different n do not
    compare; `chance` is that bias. Below 10 samples a bin the value is unreliable. The percentile bootstrap interval
    (1,000 resamples, seed 0, the same bins) inherits the bias; it is widened to contain the value where it would not,
    which is robustkit's choice. With `debiased` the bias is taken out, of each resample too, and where the square is
    then below 0 there is no value; samples that are alone in their bin do not count.
    """

    params: EceParams

    def __post_init__(self) -> None:
        """Refuse to take a bias out of what has no formula for it."""
        if self.params.debiased and self.params.norm != "l2":
            raise robustkit.ConfigError(
                f"ece: debiased=true is defined for norm=l2, got norm={self.params.norm}",
                "write ece:norm=l2,debiased=true, or leave out debiased",
            )

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> robustkit.Estimate:
        """Return the error, in [0, 1], from the columns `confidence`, `prediction` and `label`.

        Raises:
            robustkit.DataError: there is no sample, a column is missing or malformed, or a confidence is not in [0, 1].
        """
        if note := invalid_note(records):
            return robustkit.Estimate(value=None, n=0, note=f"undefined: {note}")
        confidence, prediction, label = columns(records, "confidence", "prediction", "label")
        if confidence.min() < 0 or confidence.max() > 1 + _ROUNDING:
            raise robustkit.DataError(
                f"expected confidences in [0, 1], got {confidence.min()} to {confidence.max()}",
                "the column must hold probabilities, not logits",
            )
        right = prediction == label
        index = self._index(confidence)
        estimate = self._debiased if self.params.debiased else self._plain
        return estimate(_Binned.of(confidence.astype(np.float64), right, index))

    @property
    def spec(self) -> str:
        """What exactly is computed."""
        given = self.params
        kind = "debiased" if given.debiased else "plug-in"
        return f"ece/top-label/{given.binning}/bins={given.bins}/{given.edge}-closed/{given.norm}/{kind}"

    def _index(self, confidence: NDArray[Any]) -> NDArray[np.intp]:
        find = bin_index if self.params.binning == "equal-width" else equal_mass_index
        return find(confidence, self.params.bins, self.params.edge)

    def _plain(self, binned: _Binned) -> robustkit.Estimate:
        def error(counts: NDArray[Any]) -> NDArray[np.float64]:
            gaps, _, sizes = binned.sums(counts)
            return calibration_error(gaps, sizes, self.params.norm)

        n, value = binned.n, float(error(np.ones(binned.n)))
        low, high = robustkit.bootstrap_interval(error, n)
        chance = chance_error(binned.confidence, binned.index, self.params.norm)
        return robustkit.Estimate(
            value=value,
            n=n,
            ci_low=min(low, value),
            ci_high=max(high, value),
            interval="bootstrap",
            note=few_note(n, self.params.bins, chance),
            unreliable=bool(few_note(n, self.params.bins, chance)),
            chance=chance,
            spec=self.spec,
        )

    def _debiased(self, binned: _Binned) -> robustkit.Estimate:
        everyone = binned.n
        sums = binned.sums(np.ones(everyone))
        # Who is alone in a bin is left out, and so counts for nothing.
        n = int(sums[2][sums[2] > 1].sum())
        if not n:
            note = "undefined: no bin holds two samples, so none has a variance; take fewer bins"
            return robustkit.Estimate(value=None, n=0, note=note, spec=self.spec)
        square = float(debiased_square(*sums))
        if square < 0:
            note = "undefined: without its bias the square of the error is below 0, as of a calibrated model"
            return robustkit.Estimate(value=None, n=n, note=note, spec=self.spec)
        ends = robustkit.bootstrap_interval(lambda counts: debiased_square(*binned.sums(counts), times=2), everyone)
        low, high = (sqrt(min(max(end, 0.0), 1.0)) for end in ends)
        value = sqrt(square)
        few = few_note(n, self.params.bins, None, biased=False)
        alone = f"{everyone - n} samples that are alone in their bin are left out" if n < everyone else ""
        return robustkit.Estimate(
            value=value,
            n=n,
            ci_low=min(low, value),
            ci_high=max(high, value),
            interval="bootstrap",
            note="; ".join(filter(None, [few, alone])),
            unreliable=bool(few),
            spec=self.spec,
        )


@dataclass(frozen=True, eq=False)
class _Binned:
    """Samples by bin."""

    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    index: NDArray[np.intp]
    segments: Segments

    @classmethod
    def of(cls, confidence: NDArray[np.float64], right: NDArray[np.bool_], index: NDArray[np.intp]) -> _Binned:
        return cls(confidence, right, index, Segments.of(index))

    @property
    def n(self) -> int:
        return len(self.index)

    def sums(self, counts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return gaps, right samples and samples of each bin that is not empty, (R, bins) each for (R, n) counts."""
        columns = np.stack([self.right - self.confidence, self.right, np.ones(self.n)], axis=1)
        gaps, right, sizes = self.segments.sums(counts, columns)
        return gaps, right, sizes


def few_note(n: int, bins: int, chance: float | None, *, biased: bool = True) -> str:
    """Return why there are too few samples for so many bins; empty where there are enough."""
    if n >= FEWEST * bins:
        return ""
    # No number that differs from cell to cell: equal notes are shown as one.
    few = f"fewer than {FEWEST} samples for each of {bins} bins"
    if not biased:
        return f"{few}: little to go by; take fewer bins or more samples"
    much = "" if chance is None else ", for a calibrated model by about its chance"
    return f"{few}: biased upward{much}; take fewer bins or more samples"
