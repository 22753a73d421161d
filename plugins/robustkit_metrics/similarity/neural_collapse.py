"""Neural collapse of the features that the last linear layer is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import robustkit
from robustkit_metrics.features.chosen import CHOSEN, keep_chosen, merge_chosen, reason_of
from robustkit_metrics.features.head import find_head
from robustkit_metrics.features.vectors import UnusableError, vectors
from robustkit_metrics.similarity.class_sums import ClassSums, add_classes, from_state, measure_classes
from robustkit_metrics.similarity.collapse import (
    SPECS,
    collapse,
    nearest_means,
    reasons_against,
    rounding,
    self_duality,
)
from robustkit_metrics.similarity.jackknife import FEWEST_CHUNKS, METHOD, Interval, intervals
from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.outcome import undefined
from robustkit_metrics.similarity.params import NeuralCollapseParams

PARTS = (*SPECS, "nc3", "nc4")

_FEW = 10
_DATA = "evaluated-samples"
_HEAD = "head"


@dataclass(frozen=True)
class NeuralCollapse:
    """NC1 to NC4 and CDNV of the input of the network's last linear layer, on the evaluated samples.

    The theory is about the samples that a model was trained on, where it is certain of all of them; on others these
    numbers say how far the classes are collapsed there.

    Attributes:
        params: how wide features may be, and the choice of samples for NC4.
    """

    params: NeuralCollapseParams

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return sums by class, the classifier's weights, and the features of the chosen samples."""
        params = self.params
        try:
            head = find_head(batch.model, batch.inputs)
            features = vectors(head.features, "second", widest=params.widest)
        except UnusableError as error:
            return keep_chosen(batch.keys, {}, {_HEAD: error.message}, params.samples, params.seed)
        rows = {"rows": features, "predictions": head.logits.argmax(dim=1)}
        sums = measure_classes(features, batch.labels, head.logits.shape[1])
        weight = head.weight.detach().double().cpu().numpy()
        kept = keep_chosen(batch.keys, rows, {}, params.samples, params.seed)
        return kept | sums.to_state() | {"weight": weight}

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return what is kept of all samples."""
        kept = merge_chosen(states, self.params.samples)
        if reason_of(kept, _HEAD):
            return kept
        sums = add_classes([from_state(state) for state in states])
        return kept | sums.to_state() | {"weight": states[0]["weight"]}

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return each number, or why there is none."""
        whole = self.merge(chunks)
        n = int(whole["n"])
        reason = reason_of(whole, _HEAD) or _unfit(from_state(whole))
        if reason:
            return dict.fromkeys(PARTS, undefined(n, reason))
        sums = from_state(whole)
        doubts, against = _doubts(sums), reasons_against(sums)
        ends = _jackknife(sums, [from_state(chunk) for chunk in chunks])
        found = {
            part: undefined(n, against[part], f"{SPECS[part]}/{_DATA}")
            if part in against
            else _estimate(float(value), n, f"{SPECS[part]}/{_DATA}", doubts, end)
            for part, value, end in zip(SPECS, collapse(sums), ends, strict=True)
        }
        found["nc3"] = _duality(sums, whole["weight"], n, doubts)
        found["nc4"] = _agreement(sums, whole, f"nc4/samples={self.params.samples}/{_DATA}", doubts)
        return found


def _unfit(sums: ClassSums) -> str:
    if len(sums.present) < 2:
        return "samples of one class only"
    spread = np.linalg.norm(sums.means - sums.means.mean(axis=0), axis=1).max()
    return "class means that do not differ" if spread <= rounding(sums) else ""


def _doubts(sums: ClassSums) -> list[str]:
    present = sums.counts[sums.present]
    missing = len(sums.counts) - len(present)
    found = [f"{missing} of {len(sums.counts)} classes have no sample"] if missing else []
    if present.min() < _FEW:
        found.append(f"a class has {present.min():.0f} samples, {_FEW} are needed for its mean")
    return found


def _jackknife(sums: ClassSums, chunks: Sequence[ClassSums]) -> list[Interval]:
    left = [add_classes([sums, chunk], -1) for chunk in chunks] if len(chunks) >= FEWEST_CHUNKS else []
    if not left or any(_unfit(each) or len(each.present) < len(sums.present) for each in left):
        return [(None, None)] * len(SPECS)
    return intervals(collapse(sums), [collapse(each) for each in left], (0.0, None))


def _duality(sums: ClassSums, weight: Array, n: int, doubts: Sequence[str]) -> robustkit.Estimate:
    spec = f"nc3/weights-not-centred/{_DATA}"
    if not weight[sums.present].any():
        return undefined(n, "the classifier's weights are 0", spec)
    return _estimate(self_duality(sums, weight), n, spec, doubts)


def _agreement(sums: ClassSums, state: robustkit.State, spec: str, doubts: Sequence[str]) -> robustkit.Estimate:
    rows, predictions = state[f"{CHOSEN}rows"].astype(np.float64), state[f"{CHOSEN}predictions"]
    if not len(rows):
        return undefined(0, "no samples were chosen", spec)
    right = int((nearest_means(sums, rows) == predictions).sum())
    return _estimate(
        right / len(rows), len(rows), spec, doubts, robustkit.wilson_interval(right, len(rows)), method="wilson"
    )


def _estimate(
    value: float,
    n: int,
    spec: str,
    doubts: Sequence[str],
    ends: Interval = (None, None),
    *,
    method: str = METHOD,
) -> robustkit.Estimate:
    return robustkit.Estimate(
        value=value,
        n=n,
        ci_low=ends[0],
        ci_high=ends[1],
        interval="" if ends[0] is None else method,
        note="unreliable: " + "; ".join(doubts) if doubts else "",
        unreliable=bool(doubts),
        spec=spec,
    )
