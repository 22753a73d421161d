"""Classwise calibration error: of the probabilities of every class, not of the predicted one alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import robustkit
from robustkit_metrics.calibration.bins import bin_index
from robustkit_metrics.calibration.ece import few_note
from robustkit_metrics.calibration.error import calibration_error
from robustkit_metrics.calibration.params import ClasswiseEceParams

_FEWEST_CHUNKS = 5


@dataclass(frozen=True)
class ClasswiseEce:
    """Mean over classes of the calibration error of their probabilities, each in equal-width bins over all samples.

    For class k and bin b, the share of samples with label k among those whose probability of k lies in b, against
    their mean probability: what `ece` does for the predicted class. Records hold that class's probability alone, so
    this is computed from the logits, in float64, as sums a class and bin, which are exact however samples are divided.
    With many classes nearly all probabilities are near 0 and so are the errors: values at different numbers of classes
    do not compare. With 5 chunks or more, the interval is Student's t by a jackknife over chunks, cut off at 0 and 1.

    Source: Kull et al. (2019), Beyond temperature scaling, section 2 (classwise-ECE); Nixon et al. (2019) call it
    static calibration error.
    """

    params: ClasswiseEceParams

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return, by class and bin, how many probabilities there are, their sum, and how many are the label's."""
        if batch.logits is None:
            raise robustkit.PluginError("classwise-ece was given no logits", "declare needs=frozenset({'logits'})")
        finite = batch.logits.isfinite().all(dim=1)
        found = batch.logits.double().softmax(dim=1)[finite].cpu().numpy()
        labels = batch.labels[finite].cpu().numpy()
        return {
            **self._sums(found, labels, batch.logits.shape[1]),
            "n": np.array(len(labels)),
            "invalid": np.array(int((~finite).sum())),
        }

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the sums over all samples."""
        return {name: np.sum([state[name] for state in states], axis=0) for name in states[0]}

    def estimate(self, chunks: Sequence[robustkit.State]) -> robustkit.Estimate:
        """Return the error, in [0, 1]; undefined where logits are not finite."""
        whole, given = self.merge(chunks), self.params
        n, invalid = int(whole["n"]), int(whole["invalid"])
        if invalid or not n:
            note = f"undefined: the logits of {invalid} of {n + invalid} samples are not finite"
            return robustkit.Estimate(value=None, n=0, note=note)
        value, note = self._error(whole), few_note(n, given.bins, None)
        low, high = self._jackknife(value, whole, chunks)
        return robustkit.Estimate(
            value=value,
            n=n,
            ci_low=low,
            ci_high=high,
            interval="" if low is None else "jackknife-chunks",
            note=note,
            unreliable=bool(note),
            spec=f"ece/classwise/equal-width/bins={given.bins}/{given.edge}-closed/{given.norm}/plug-in",
        )

    def _sums(self, found: NDArray[np.float64], labels: NDArray[Any], classes: int) -> dict[str, NDArray[Any]]:
        bins = self.params.bins
        cell = (bin_index(found, bins, self.params.edge) + bins * np.arange(classes)).ravel()
        is_label = labels[:, None] == np.arange(classes)
        weights = {"counts": None, "probability": found.ravel(), "labels": is_label.ravel()}
        return {
            name: np.bincount(cell, each, minlength=bins * classes).reshape(classes, bins).astype(np.float64)
            for name, each in weights.items()
        }

    def _error(self, sums: robustkit.State) -> float:
        errors = calibration_error(sums["labels"] - sums["probability"], sums["counts"], self.params.norm)
        return float(errors.mean())

    def _jackknife(
        self, value: float, whole: robustkit.State, chunks: Sequence[robustkit.State]
    ) -> tuple[float | None, float | None]:
        count = len(chunks)
        if count < _FEWEST_CHUNKS:
            return None, None
        from scipy.special import stdtrit

        rest = [{name: whole[name] - chunk[name] for name in whole} for chunk in chunks]
        without = np.array([self._error(each) for each in rest])
        half = float(stdtrit(count - 1, 0.975)) * np.sqrt(
            (count - 1) / count * np.square(without - without.mean()).sum()
        )
        return max(value - float(half), 0.0), min(value + float(half), 1.0)
