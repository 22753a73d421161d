"""Neural collapse of the features that the last linear layer is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import robustkit
from robustkit_metrics.similarity.chosen import lots, rows_at, smallest
from robustkit_metrics.similarity.class_sums import ClassSums, add_classes, from_state, measure_classes
from robustkit_metrics.similarity.collapse import SPECS, collapse, nearest_means, self_duality
from robustkit_metrics.similarity.collected import array_text, text_array
from robustkit_metrics.similarity.jackknife import FEWEST_CHUNKS, METHOD, Interval, intervals
from robustkit_metrics.similarity.outcome import undefined
from robustkit_metrics.similarity.params import NeuralCollapseParams

PARTS = (*SPECS, "nc3", "nc4")

_FEW = 10
_DATA = "evaluated-samples"
_ROWS = ("lots", "rows", "predictions")


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
        with torch.no_grad(), _linear_calls(batch.model) as calls:
            logits = batch.model(batch.inputs)
        n = len(batch.inputs)
        head = next((call for call in reversed(calls) if _makes(call, logits)), None)
        if head is None:
            return _without(n, "the logits are not what a linear layer (torch.nn.Linear) returns for (N, d) features")
        features, weight = head[1], head[0].weight
        if features.shape[1] > self.params.widest:
            return _without(n, f"{features.shape[1]} features, more than widest={self.params.widest}")
        lot = lots(batch.keys, self.params.seed)
        chosen = smallest(lot, self.params.samples)
        sums = measure_classes(features, batch.labels, logits.shape[1])
        return {
            "n": np.array(n),
            **sums.to_state(),
            "weight": weight.detach().double().cpu().numpy(),
            "lots": lot[chosen],
            "rows": rows_at(features, chosen),
            "predictions": rows_at(logits.argmax(dim=1), chosen),
        }

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return what is kept of all samples."""
        reasons = [state["reason"] for state in states if "reason" in state]
        n = sum(int(state["n"]) for state in states)
        if reasons:
            return {"n": np.array(n), "reason": reasons[0]}
        kept = smallest(np.concatenate([state["lots"] for state in states]), self.params.samples)
        rows = {name: np.concatenate([state[name] for state in states])[kept] for name in _ROWS}
        sums = add_classes([from_state(state) for state in states])
        return {"n": np.array(n), **sums.to_state(), "weight": states[0]["weight"], **rows}

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return each number, or why there is none."""
        whole = self.merge(chunks)
        n = int(whole["n"])
        if "reason" in whole:
            return dict.fromkeys(PARTS, undefined(n, array_text(whole["reason"])))
        sums = from_state(whole)
        reason = _unfit(sums)
        if reason:
            return dict.fromkeys(PARTS, undefined(n, reason))
        doubts = _doubts(sums)
        ends = _jackknife(sums, [from_state(chunk) for chunk in chunks])
        found = {
            part: _estimate(float(value), n, f"{SPECS[part]}/{_DATA}", doubts, end)
            for part, value, end in zip(SPECS, collapse(sums), ends, strict=True)
        }
        found["nc3"] = _estimate(self_duality(sums, whole["weight"]), n, f"nc3/weights-not-centred/{_DATA}", doubts)
        found["nc4"] = _agreement(sums, whole, f"nc4/samples={self.params.samples}/{_DATA}", doubts)
        return found


Call = tuple[nn.Linear, Tensor, Tensor]


@contextmanager
def _linear_calls(model: nn.Module) -> Iterator[list[Call]]:
    """Fill the list that is handed out with each call of a linear layer inside the block: layer, input, output."""
    calls: list[Call] = []

    def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
        assert isinstance(layer, nn.Linear)
        calls.append((layer, inputs[0].detach().clone(), output.detach().clone()))

    handles = [each.register_forward_hook(keep) for each in model.modules() if isinstance(each, nn.Linear)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _makes(call: Call, logits: Tensor) -> bool:
    """Return whether a layer's output is the logits."""
    output = call[2]
    return (
        call[1].ndim == 2
        and output.shape == logits.shape
        and torch.allclose(output.to(logits), logits, 0, 0, equal_nan=True)
    )


def _without(n: int, reason: str) -> dict[str, NDArray[Any]]:
    return {"n": np.array(n), "reason": text_array(reason)}


def _unfit(sums: ClassSums) -> str:
    if not np.isfinite(sums.squares).all():
        return "features that are NaN or infinite"
    if len(sums.present) < 2:
        return "samples of one class only"
    centred = sums.means - sums.means.mean(axis=0)
    return "class means that do not differ" if np.linalg.norm(centred, axis=1).min() == 0 else ""


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


def _agreement(sums: ClassSums, state: robustkit.State, spec: str, doubts: Sequence[str]) -> robustkit.Estimate:
    rows, predictions = state["rows"].astype(np.float64), state["predictions"]
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
